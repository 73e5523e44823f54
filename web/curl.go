package web

import (
	"cmp"
	"strconv"
	"strings"

	"atommq/bus"
	"atommq/feeds"
)

// how shows the commands that publish to a feed and follow it.
type how struct {
	Text   string // these three are "" where the feed would refuse them
	Entry  string
	File   string // where it takes files, and neither text nor entries say so
	Follow string
	After  int64
}

// newHow returns the commands for a feed that takes accepts.
func newHow(collection string, last int64, accepts feeds.Accepts) how {
	url := bus.ShellWord(collection)
	h := how{Follow: "curl -H 'Xlastid: " + strconv.FormatInt(last, 10) + "' " + url, After: last}
	if accepts.Allow("text/plain", "") {
		h.Text = "curl -H 'Content-Type: text/plain' -d 'Hello, world' " + url
	}
	if accepts.Allow("application/atom+xml", "entry") {
		h.Entry = "curl -d '<entry><title>Hello</title><content>world</content></entry>' " + url
	}
	if typ := fileType(accepts); typ != "" {
		h.File = "curl --data-binary @FILE -H " + bus.ShellWord("Content-Type: "+typ) + " -H 'Slug: A title' " + url
	}
	return h
}

// Posts reports whether one of the commands publishes.
func (h how) Posts() bool { return h.Text != "" || h.Entry != "" || h.File != "" }

// usual is one type for each media range of files.
var usual = map[string]string{"image": "png", "audio": "mpeg", "video": "mp4", "font": "woff2", "message": "rfc822"}

// fileType returns a media type of a file that accepts takes, and that the other commands do not
// show; "" where there is none.
func fileType(accepts feeds.Accepts) string {
	for _, r := range accepts {
		r = strings.ToLower(r)
		one := feeds.Accepts{r}
		if one.Allow("text/plain", "") || one.Allow("application/atom+xml", "entry") || one.Allow(typeFields, "") {
			continue
		}
		main, sub, _ := strings.Cut(r, "/")
		suffix, isRange := strings.CutPrefix(strings.TrimSpace(sub), "*")
		switch {
		case main == "multipart": // which is never taken
		case !isRange:
			return r
		case strings.HasPrefix(suffix, "+"):
			return main + "/example" + suffix
		default:
			return main + "/" + cmp.Or(usual[main], "example")
		}
	}
	return ""
}
