package feeds

import (
	"strings"
	"testing"
)

// An editing client sends its credentials to the link "edit", however it compares relations.
func TestALinkToEditIsTheServersHoweverItIsWritten(t *testing.T) {
	for _, rel := range []string{"edit", "EDIT", "Edit-Media", "http://www.iana.org/assignments/relation/Edit"} {
		e := parseOne(t, `<entry xmlns="http://www.w3.org/2005/Atom"><title>t</title><link rel="`+rel+`" href="http://other.example/"/><link rel="Related" href="http://kept.example/"/></entry>`)
		if text := string(e.XML); strings.Contains(text, "other.example") || !strings.Contains(text, "kept.example") {
			t.Errorf("%s: %s", rel, text)
		}
	}
}
