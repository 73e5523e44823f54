package feeds

import (
	"bytes"
	"html"
)

// stripHTML returns the text of HTML source: enough for a title, which needs no
// layout, and no sanitiser.
func stripHTML(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for {
		n := bytes.IndexByte(b, '<')
		if n < 0 {
			return []byte(html.UnescapeString(string(append(out, b...))))
		}
		out = append(out, b[:n]...)
		b = b[n:]
		end := tagEnd(b)
		if end == 0 {
			out, b = append(out, '<'), b[1:]
			continue
		}
		out, b = append(out, ' '), b[end:]
	}
}

// tagEnd returns the length of the tag or comment that b starts with, 0 when it is neither.
// One that is not closed goes on to the end, as in a browser.
func tagEnd(b []byte) int {
	if len(b) < 2 || b[1] != '/' && b[1] != '!' && !('a' <= b[1]|0x20 && b[1]|0x20 <= 'z') {
		return 0
	}
	end := []byte(">")
	if bytes.HasPrefix(b, []byte("<!--")) {
		end = []byte("-->")
	}
	n := bytes.Index(b, end)
	if n < 0 {
		return len(b)
	}
	return n + len(end)
}
