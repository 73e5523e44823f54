package feeds

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What costs most to read, in a document of a few megabytes, costs seconds at worst; a
// quadratic scan would take minutes.
func TestNoDocumentTakesLongToRead(t *testing.T) {
	const size = 4 << 20
	attrs, declared := "", ""
	for i := range 250 {
		attrs += fmt.Sprintf(` a%02x=""`, i)
		declared += fmt.Sprintf(` xmlns:a%02x="urn:a"`, i)
	}
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, doc := range map[string]string{
		"attributes":       "<entry>" + fill("<x"+attrs+"/>") + "</entry>",
		"namespaces":       "<entry xmlns:a='urn:a'><x" + declared + ">" + fill("<a:x/>") + "</x></entry>",
		"both":             "<entry" + declared + ">" + fill("<x"+strings.ReplaceAll(attrs, " a", " a00:a")+"/>") + "</entry>",
		"elements":         "<entry>" + fill("<x/>") + "</entry>",
		"references":       "<entry><x>" + fill("&apos;") + "</x></entry>",
		"cut elements":     "<entry>" + fill("<link rel='self' href=''/>") + "</entry>",
		"open HTML tags":   "<entry><title type='html'>" + fill("&lt;a ") + "</title></entry>",
		"open HTML notes":  "<entry><title type='html'>" + fill("&lt;!-- ") + "</title></entry>",
		"HTML ampersands":  "<entry><title type='html'>" + fill("&amp;amp") + "</title></entry>",
		"HTML less-thans":  "<entry><title type='html'>" + fill("&lt;") + "</title></entry>",
		"CDATA sections":   "<entry><title>" + fill("<![CDATA[]]>") + "</title></entry>",
		"comments":         "<entry><title>" + fill("<!---->") + "</title></entry>",
		"brackets":         "<entry><x>" + fill("]]<!-- -->") + "</x></entry>",
		"unclosed":         "<entry>" + fill("<![CDATA[") + "</entry>",
		"carriage returns": "<entry><title>" + fill("\r") + "</title></entry>",
	} {
		start := time.Now()
		doc := []byte(doc)
		LooksLikeAtom(doc)
		d, err := Parse(doc, "", Limits{})
		if err == nil {
			_, err = Inspect(testMember(d.Entries[0]))
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %v, %.100v", name, took, err)
		} else {
			t.Logf("%s: %v, %.100v", name, took, err)
		}
	}
}
