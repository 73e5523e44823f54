package feeds

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Categories are those that the entries of a collection have, RFC 5023 §7.2.
type Categories struct {
	Fixed  bool       `json:"fixed,omitempty"`  // no others are taken
	Scheme string     `json:"scheme,omitempty"` // of those in List that have none
	List   []Category `json:"list,omitempty"`
}

// IsZero reports whether nothing is said about categories: all are taken.
func (c *Categories) IsZero() bool { return !c.Fixed && c.Scheme == "" && len(c.List) == 0 }

// Allow reports whether an entry may have cat. An entry's category without a scheme may be one of
// the collection's scheme, whose clients often leave it out.
func (c *Categories) Allow(cat Category) bool {
	if !c.Fixed {
		return true
	}
	for _, known := range c.List {
		scheme := cmp.Or(known.Scheme, c.Scheme)
		if known.Term == cat.Term && (cat.Scheme == scheme || cat.Scheme == "") {
			return true
		}
	}
	return false
}

// Check returns what is wrong with them, nil when nothing is.
func (c *Categories) Check() error {
	if len(c.List) > maxCategories {
		return &LimitError{What: "categories of a feed", Max: maxCategories}
	}
	if err := checkScheme(c.Scheme); err != nil {
		return err
	}
	for _, cat := range c.List {
		if cat.Term == "" {
			return errors.New("a category has no term")
		}
		if err := checkScheme(cat.Scheme); err != nil {
			return err
		}
		for _, text := range []string{cat.Term, cat.Label} {
			if err := CheckText("a category", text); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkScheme(scheme string) error {
	if scheme != "" && (!isIRI(scheme) || len(scheme) > maxSetting) {
		return fmt.Errorf("the scheme %.80q is not an absolute IRI such as https://example.org/topics", scheme)
	}
	return nil
}

// CheckText returns why text, what it is called, cannot be said of a feed: nil when it can.
func CheckText(what, text string) error {
	if len(text) > maxSetting {
		return fmt.Errorf("%s has %d bytes; it may have %d", what, len(text), maxSetting)
	}
	if badChar([]byte(text)) >= 0 || strings.ContainsAny(text, "\r\n\t") {
		return fmt.Errorf("%s holds a control character, or is not UTF-8", what)
	}
	return nil
}

// AppendCategories appends an RFC 5023 §7 category document.
func AppendCategories(dst []byte, c *Categories) []byte {
	w := writer{dst: dst, prefix: []byte("atom")}
	w.raw(xmlHeader + `<categories xmlns="` + NamespaceApp + `" xmlns:atom="` + NamespaceAtom + `"`)
	if c.Fixed {
		w.attribute("fixed", "yes")
	} else {
		w.attribute("fixed", "no")
	}
	if c.Scheme != "" {
		w.attribute("scheme", c.Scheme)
	}
	w.raw(">")
	for _, cat := range c.List {
		w.raw("\n")
		w.open("category")
		w.attribute("term", cat.Term)
		if cat.Scheme != "" {
			w.attribute("scheme", cat.Scheme)
		}
		if cat.Label != "" {
			w.attribute("label", cat.Label)
		}
		w.raw("/>")
	}
	w.raw("\n</categories>\n")
	return w.dst
}
