package main

import (
	"fmt"
	"strings"
)

// roff is a text in the language of man pages, for groff and mandoc.
type roff struct{ strings.Builder }

// line writes a request, or text that is roff already.
func (p *roff) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *roff) section(name string) { p.line(".SH %s", name) }

// item begins what text goes on with, indented under a head that is roff.
func (p *roff) item(head string) { p.line(".TP\n%s", head) }

// text writes paragraphs; lines that are indented in it stay as they are.
func (p *roff) text(s string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			p.line(".PP")
		}
		var example []string
		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.HasPrefix(line, "    ") {
				example = append(example, line)
				continue
			}
			p.literal(example)
			example = nil
			p.line("%s", roffText(line))
		}
		p.literal(example)
	}
}

// literal writes lines that are not filled.
func (p *roff) literal(lines []string) {
	if len(lines) == 0 {
		return
	}
	p.line(".nf")
	for _, line := range lines {
		p.line("%s", roffText(line))
	}
	p.line(".fi")
}

// roffText escapes what roff reads otherwise than it stands: a request at the start of a line,
// hyphens and quotes that would become typographic ones, and what is not ASCII, of which only some
// know the encoding.
func roffText(s string) string {
	var b strings.Builder
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		b.WriteString(`\&`)
	}
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
