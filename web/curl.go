package web

import (
	"strconv"
	"strings"
)

// how shows the commands that publish to a feed and follow it.
type how struct {
	Text   string
	Entry  string
	Follow string
	After  int64
}

func newHow(collection string, last int64) how {
	url := shellQuote(collection)
	return how{
		Text:   "curl -H 'Content-Type: text/plain' -d 'Hello, world' " + url,
		Entry:  "curl -d '<entry><title>Hello</title><content>world</content></entry>' " + url,
		Follow: "curl -H 'Xlastid: " + strconv.FormatInt(last, 10) + "' " + url,
		After:  last,
	}
}

// shellQuote makes s one word of a POSIX shell, whatever it holds: nothing is
// special between single quotes but the single quote itself.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
