package web

import (
	"bytes"
	"encoding/xml"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"atommq/feeds"
)

// parseXHTML builds the tree of an XHTML fragment, where <br/> and <p/> are whole
// elements and the prefix may be any. It stops at the end or the first error.
func parseXHTML(src []byte) *html.Node {
	root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	open := []*html.Node{root}
	dec := xml.NewDecoder(bytes.NewReader(src))
	for {
		tok, err := dec.Token()
		if err != nil {
			return root
		}
		top := open[len(open)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			if t.Name.Space != feeds.NamespaceXHTML {
				if dec.Skip() != nil {
					return root
				}
				continue
			}
			n := element(t)
			top.AppendChild(n)
			if void[n.Data] {
				n = top // HTML cannot write a void element's content inside it
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.AppendChild(&html.Node{Type: html.TextNode, Data: string(t)})
		}
	}
}

func element(t xml.StartElement) *html.Node {
	n := &html.Node{Type: html.ElementNode, Data: strings.ToLower(t.Name.Local)}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "":
			n.Attr = append(n.Attr, html.Attribute{Key: a.Name.Local, Val: a.Value})
		case a.Name.Space == feeds.NamespaceXML && a.Name.Local == "lang":
			n.Attr = append(n.Attr, html.Attribute{Key: "lang", Val: a.Value})
		}
	}
	return n
}

// void elements have no content in HTML.
var void = map[string]bool{
	"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true,
	"keygen": true, "link": true, "meta": true, "param": true, "source": true, "track": true, "wbr": true,
}
