package web

import (
	"cmp"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

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
	v := how{Follow: "curl -H 'Xlastid: " + strconv.FormatInt(last, 10) + "' " + url, After: last}
	if accepts.Allow("text/plain", "") {
		v.Text = "curl -H 'Content-Type: text/plain' -d 'Hello, world' " + url
	}
	if accepts.Allow("application/atom+xml", "entry") {
		v.Entry = "curl -d '<entry><title>Hello</title><content>world</content></entry>' " + url
	}
	if typ := fileType(accepts); typ != "" {
		v.File = "curl --data-binary @FILE -H " + bus.ShellWord("Content-Type: "+typ) + " -H 'Slug: A title' " + url
	}
	return v
}

// posts reports whether one of the commands publishes.
func (v how) posts() bool { return v.Text != "" || v.Entry != "" || v.File != "" }

func (v how) node() g.Node {
	follow := "Read it from the beginning"
	if v.After > 0 {
		follow = "Read what comes after entry " + strconv.FormatInt(v.After, 10)
	}
	return h.Dl(h.Class("how"), lines(
		command("Post a line of text", v.Text),
		command("Post an Atom entry", v.Entry),
		command("Post a file", v.File),
		command(follow, v.Follow),
	))
}

// command says what a line for the shell does, where there is one.
func command(does, line string) g.Node {
	if line == "" {
		return nil
	}
	return g.Group{h.Dt(g.Text(does)), newline, h.Dd(h.Pre(h.Code(g.Text(line))))}
}

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
