package feeds

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCategoriesAreThoseThatInspectSees(t *testing.T) {
	for _, xml := range []string{
		`<entry><title>category</title></entry>`,
		`<entry><category term="a"/><category term="b&amp;c" scheme="https://s/" label="L">text</category><title>t</title></entry>`,
		`<a:entry xmlns:a="` + NamespaceAtom + `"><a:category term="x"/><category xmlns="" term="foreign"/></a:entry>`,
		`<entry><source><category term="of the source"/></source><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><category term="no"/></div></content></entry>`,
	} {
		doc, err := Parse([]byte(xml), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m := &Member{XML: doc.Entries[0].XML}
		v, err := Inspect(m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v.Categories, CategoriesOf(m)); diff != "" {
			t.Errorf("%s: -Inspect +Categories:\n%s", xml, diff)
		}
	}
	if c := CategoriesOf(&Member{Deleted: true}); c != nil {
		t.Errorf("a tombstone has %v", c)
	}
}
