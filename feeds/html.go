package feeds

import (
	"bytes"
	"html"
	"strings"
)

// stripHTML returns the text of HTML source, but for what scripts and stylesheets say: enough for a
// title, which needs no layout, and no sanitiser.
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
		end += codeEnd(b, end)
		out, b = append(out, ' '), b[end:]
	}
}

// codeEnd returns the length of what stands in the element whose start tag, b[:end], begins a
// script or a stylesheet; up to the end when it is not closed.
func codeEnd(b []byte, end int) int {
	for _, name := range [...]string{"script", "style"} {
		if !hasTagName(b[1:], name) {
			continue
		}
		for i := end; i < len(b); i++ {
			n := bytes.Index(b[i:], []byte("</"))
			if n < 0 {
				break
			}
			if i += n; hasTagName(b[i+len("</"):], name) {
				return i - end
			}
		}
		return len(b) - end
	}
	return 0
}

// hasTagName reports whether an HTML tag's name, in any case, begins b.
func hasTagName(b []byte, name string) bool {
	n := len(name)
	return len(b) > n && strings.EqualFold(string(b[:n]), name) && (b[n] == '>' || b[n] == '/' || isSpace(b[n]))
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
