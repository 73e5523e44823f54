package bus

import (
	"fmt"
	"strings"
)

// Rights is what somebody may do with a feed: a set of the constants below.
type Rights uint8

// The rights there are. RightAdmin has all others in it.
const (
	RightRead    Rights = 1 << iota // its entries, their media, their history, as they are published
	RightPublish                    // entries to it, which makes the feed if there is none
	RightConsume                    // what waits in its queues: claim and ack it, look at it; read single entries, and dead letters
	RightEdit                       // change and delete its entries
	RightAdmin                      // change its settings and queues, and remove it

	allRights = RightRead | RightPublish | RightConsume | RightEdit | RightAdmin
)

// rightWords are the names of the rights, in order.
var rightWords = [...]string{"read", "publish", "consume", "edit", "admin"}

// ParseRights reads rights as String writes them.
func ParseRights(text string) (r Rights, err error) {
	for word := range strings.SplitSeq(text, ",") {
		one := rightOf(strings.TrimSpace(word))
		if one == 0 {
			return 0, fmt.Errorf("%q is no right: give %s, with commas between them", word, strings.Join(rightWords[:], ", "))
		}
		r |= one
	}
	return r, nil
}

func rightOf(word string) Rights {
	for i, w := range rightWords {
		if w == word {
			return 1 << i
		}
	}
	return 0
}

// String lists the rights by name, "read,publish".
func (r Rights) String() string {
	var words []string
	for i, w := range rightWords {
		if r&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

// Allowing returns the command by which whoever runs the bus gives an account the first of these
// rights. Whatever names are in it, a shell takes it for this command and nothing else: who asks
// for rights may have made them up.
func Allowing(account string, rights Rights, pattern string) string {
	word, _, _ := strings.Cut(rights.String(), ",")
	return fmt.Sprintf("atommq user allow %s %s %s", accountWord(account), word, ShellWord(pattern))
}

// accountWord writes an account's name as one word of a command.
func accountWord(account string) string {
	if strings.ContainsFunc(account, special) {
		return ShellWord(account)
	}
	return account
}

// special reports whether a shell may see more in c than a part of a word.
func special(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._@", c))
}

// ShellWord makes text one word of a POSIX shell, whatever it holds: nothing is special between
// single quotes but the single quote itself.
func ShellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// whole adds what RightAdmin has in it.
func (r Rights) whole() Rights {
	if r&RightAdmin != 0 {
		return allRights
	}
	return r
}
