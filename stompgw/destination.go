package stompgw

import (
	"bytes"
	"strings"

	"atommq/feeds"
)

// destination is where a frame goes or listens.
type destination struct {
	kind destinationKind
	text string // as sent
	name string // of the feed; a temp queue's as its session calls it; what follows /control/
}

type destinationKind uint8

const (
	toQueue destinationKind = iota + 1
	toTopic
	toTempQueue
	toControl
)

const (
	queuePrefix     = "/queue/"
	topicPrefix     = "/topic/"
	tempQueuePrefix = "/temp-queue/"
	controlPrefix   = "/control/"
)

func (k destinationKind) prefix() string {
	return [...]string{"", queuePrefix, topicPrefix, tempQueuePrefix, controlPrefix}[k]
}

const destinationForms = "use /queue/NAME, /topic/NAME or /temp-queue/NAME; " +
	"SUBSCRIBE also takes /topic/PREFIX*, and SEND /control/count-msgs/queue/NAME, /control/count-subscribers/queue/NAME and /control/count-subscribers/topic/NAME"

// parseDestination takes a destination apart. Names are the feeds' own: nothing in them is
// percent-encoded.
func parseDestination(text []byte) (destination, error) {
	for kind := toQueue; kind <= toControl; kind++ {
		name, found := bytes.CutPrefix(text, []byte(kind.prefix()))
		if !found {
			continue
		}
		d := destination{kind: kind, text: string(text)}
		d.name = d.text[len(text)-len(name):]
		return d, nil
	}
	return destination{}, faultf(destinationForms, "destination %s is none that this server knows", quote(text))
}

// isWild reports whether the destination names all that begin so, rather than one.
func (d destination) isWild() bool { return strings.HasSuffix(d.name, "*") }

// checkPrefix reports why no feed's name begins with prefix, which the destination names.
func (d destination) checkPrefix(prefix string) error {
	if len(prefix) > feeds.MaxName {
		return faultf("leave some of it out, up to the star", "destination %s is longer than a feed's name, which takes at most %d bytes", quote([]byte(d.text)), feeds.MaxName)
	}
	return nil
}

// checkFeed reports why the destination's name is none of a feed.
func (d destination) checkFeed() error {
	if err := feeds.CheckName(d.name); err != nil {
		return faultf(destinationForms, "destination %s: %v", quote([]byte(d.text)), err)
	}
	return nil
}
