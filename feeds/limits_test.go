package feeds

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// atLimits are documents as large as a limit allows, and the same one step larger.
func atLimits(step int) map[string]string {
	text, entity := strings.Repeat("x", maxRun+step), strings.Repeat("&#65;", (maxRun+5*step)/5)
	long := strings.Repeat("n", maxQName+step)
	depth := maxDepth - 1 + step
	attrs := ""
	for i := range 256 + step {
		attrs += " a" + strings.Repeat("a", i) + `=""`
	}
	declared := ""
	for i := range maxBindings - 3 + step { // beside xml, the default, and the root's own
		declared += " xmlns:a" + strings.Repeat("a", i) + `="urn:a"`
	}
	tag := strings.Repeat("x", maxRun-len(`<x a=""/>`)+step)
	inner := maxRun - len("<!---->") + step
	return map[string]string{
		"text":        "<entry><title>" + text + "</title></entry>",
		"references":  "<entry><title>" + entity + "</title></entry>",
		"cdata":       "<entry><title><![CDATA[" + text[len("<![CDATA[]]>"):] + "]]></title></entry>",
		"joined":      "<entry><title>" + text[:maxRun/2] + "<![CDATA[" + text[maxRun/2+len("<![CDATA[]]>"):] + "]]></title></entry>",
		"comment":     "<entry><!--" + text[:inner] + "--></entry>",
		"instruction": "<entry><?p " + text[:maxRun-len("<?p ?>")+step] + "?></entry>",
		"start tag":   `<entry><x a="` + tag + `"/></entry>`,
		"spaces":      "<entry><x" + strings.Repeat(" ", maxRun-len("<x/>")+step) + "/></entry>",
		"end tag":     "<entry><x></x" + strings.Repeat(" ", maxRun-len("</x>")+step) + "></entry>",
		"around":      "<!-- -->" + strings.Repeat(" ", maxRun+step) + "<entry/>",
		"name":        "<entry><" + long + "/></entry>",
		"target":      "<entry><?" + long + "?></entry>",
		"attribute":   "<entry><x " + long + `=""/></entry>`,
		"prefix":      "<entry><" + long[:maxQName-8] + ":x" + strings.Repeat("x", 6+step) + " xmlns:" + long[:maxQName-8] + `="urn:a"/></entry>`,
		"depth":       "<entry>" + strings.Repeat("<x>", depth) + strings.Repeat("</x>", depth) + "</entry>",
		"batch depth": "<feed><entry>" + strings.Repeat("<x>", depth) + strings.Repeat("</x>", depth) + "</entry></feed>",
		"attributes":  "<entry><x" + attrs + "/></entry>",
		"namespaces":  "<entry><x" + declared + "/></entry>",
		"names":       "<entry>" + strings.Repeat("<"+long[:240]+"/>", 41_666) + strings.Repeat("<n/>", 155+step) + "</entry>",
		"large tags":  "<entry>" + strings.Repeat(`<x a="`+strings.Repeat("x", 3991)+`"/>`, 2374) + `<x a="` + strings.Repeat("x", 3984+step) + `"/></entry>`,
		"bindings":    "<entry" + declarations(maxBindings-3-spareBindings+step) + "/>",
		"root":        "<entry" + attributes(255+step) + "/>",
		"batch root":  `<feed xmlns="http://www.w3.org/2005/Atom"` + declarations(99) + "><entry" + attributes(156+step) + "/></feed>",
		"id":          "<entry><id>urn:" + strings.Repeat("a", maxID-len("urn:")+step) + "</id></entry>",
		"entries":     "<feed>" + strings.Repeat("<entry/>", 1000+step) + "</feed>",
		"inherited tag": "<feed xmlns:" + long[:100] + `="urn:` + strings.Repeat("x", maxRun/2) + `"><entry a="` +
			strings.Repeat("x", maxRun/2-200+200*step) + `"/></feed>`,
		"inherited": `<feed xml:lang="` + strings.Repeat("x", 1<<20) + `">` + strings.Repeat("<entry/>", 15+step) + "</feed>",
		"bytes":     "<entry>" + strings.Repeat("<x/>"+strings.Repeat(" ", 12), 1<<20-1) + strings.Repeat(" ", step) + " </entry>",
	}
}

func declarations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` xmlns:p%d="urn:p%d"`, i, i)
	}
	return b.String()
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

func TestLimitsAreChecked(t *testing.T) {
	for name, doc := range atLimits(1) {
		_, err := Parse([]byte(doc), "", Limits{})
		var limit *LimitError
		if !errors.As(err, &limit) || limit.What == "" || limit.Max <= 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What stands at a limit is accepted, and libxml2 reads it, alone and in a feed.
func TestLibxml2ReadsWhatStandsAtTheLimits(t *testing.T) {
	xmllint := tool(t, "xmllint", "libxml2-utils")
	dir := t.TempDir()
	file := filepath.Join(dir, "document.xml")
	for name, doc := range atLimits(0) {
		d, err := Parse([]byte(doc), "", Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := Inspect(testMember(d.Entries[0])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		shown := AppendDocument(nil, testMember(d.Entries[0]), testFeed(), testCollection)
		if _, err := Parse(shown, "", Limits{}); err != nil && name != "names" && name != "large tags" && name != "bytes" {
			t.Errorf("%s: put back: %v", name, err)
		}
		some := d.Entries[:min(len(d.Entries), 2)]
		checkShown(t, xmllint, file, name, some)
	}
}

// checkShown has libxml2 read the first entry alone, and all of them in a feed, from a file it may write.
func checkShown(t *testing.T, xmllint, file, name string, entries []*Entry) {
	t.Helper()
	for form, b := range map[string][]byte{
		"alone":     AppendDocument(nil, testMember(entries[0]), testFeed(), testCollection),
		"in a feed": page(entries),
	} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(xmllint, "--noout", "--nonet", file).CombinedOutput(); err != nil {
			t.Errorf("%s, %s: %v %.200s", name, form, err, out)
		}
	}
}

// A message may be larger, and its XML deeper, than what an entry may hold in one piece.
func TestLibxml2ReadsMessagesBeyondTheLimits(t *testing.T) {
	xmllint := tool(t, "xmllint", "libxml2-utils")
	file := filepath.Join(t.TempDir(), "document.xml")
	nested := func(n int) string { return strings.Repeat("<x>", n) + strings.Repeat("</x>", n) }
	for name, m := range map[string]*Message{
		"text":          {Body: []byte(strings.Repeat("é&", maxRun/5))},
		"CSV":           {Type: "text/csv", Body: []byte(strings.Repeat("x", maxRun+1))},
		"base64":        {Type: "image/png", Body: []byte(strings.Repeat("\x00", maxRun/4*3+1))},
		"large XML":     {Type: "text/xml", Body: []byte("<a>" + strings.Repeat("<b/>", maxRun/10) + "</a>")},
		"larger XML":    {Type: "text/xml", Body: []byte("<a>" + strings.Repeat("<b/>", maxRun/7) + "</a>")},
		"XML text":      {Type: "text/xml", Body: []byte("<a>" + strings.Repeat("x", maxRun) + "</a>")},
		"deep":          {Type: "text/xml", Body: []byte(nested(maxDepth - 2))},
		"too deep":      {Type: "text/xml", Body: []byte(nested(maxDepth - 1))},
		"bound":         {Type: "text/xml", Body: []byte("<a" + declarations(maxBindings-3*spareBindings) + "/>")},
		"too bound":     {Type: "text/xml", Body: []byte("<a" + declarations(maxBindings) + "/>")},
		"attributes":    {Type: "text/xml", Body: []byte("<a" + attributes(256) + "/>")},
		"many headers":  {Header: slices.Repeat([]Field{{strings.Repeat("n", 300), "v"}}, 20_000)},
		"large headers": {Header: []Field{{strings.Repeat("n", maxRun/2), strings.Repeat("v", maxRun/2)}}},
	} {
		e := entryOf(t, m)
		checkMessage(t, e, m)
		d, err := Parse(page([]*Entry{e, e}), "", Limits{Bytes: math.MaxInt})
		if err != nil || len(d.Entries) != 2 {
			t.Errorf("%s: put back: %v", name, err)
		}
		checkShown(t, xmllint, file, name, []*Entry{e, e})
	}
}

func TestTextThatGrowsPastTheLimitGoesAsBase64WhereItsTypeIsNoText(t *testing.T) {
	body := []byte(strings.Repeat("<&\r", maxRun/14+1))
	for typ, overlong := range map[string]bool{
		"": true, "text/plain": true, "text/html": true, "text/csv": true, "multipart/mixed": true,
		"application/octet-stream": false, "application/json": false, "application/x-thing": false, "text/xml": false, "image/png": false,
	} {
		m := &Message{Type: typ, Body: body}
		if m.IsOverlong() != overlong {
			t.Errorf("%s: IsOverlong is %t", typ, !overlong)
		}
		e := entryOf(t, m)
		checkMessage(t, e, m)
		if !overlong && len(e.XML) > len(body)*4/3+1000 {
			t.Errorf("%s: %d bytes became %d", typ, len(body), len(e.XML))
		}
		fits := &Message{Type: typ, Body: body[:len(body)-3]}
		if fits.IsOverlong() {
			t.Errorf("%s: less is too much", typ)
		}
	}
}

func TestLimitsOfHeadersAreChecked(t *testing.T) {
	for name, m := range map[string]*Message{
		"value":   {Header: []Field{{"a", strings.Repeat("x", maxRun+1)}}},
		"name":    {Header: []Field{{strings.Repeat("x", maxRun), ""}}},
		"names":   {Header: slices.Repeat([]Field{{strings.Repeat("n", 300), ""}}, 30_000)},
		"title":   {Header: []Field{{"title", strings.Repeat("&", maxRun/5+1)}}},
		"type":    {Type: "text/" + strings.Repeat("x", maxRun)},
		"no text": {Header: []Field{{"a", strings.Repeat("\x00", maxRun)}}},
	} {
		var limit *LimitError
		if _, err := ComposeMessage("", m); !errors.As(err, &limit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitsCanBeSet(t *testing.T) {
	for name, test := range map[string]struct {
		doc string
		lim Limits
	}{
		"bytes":            {"<entry/>", Limits{Bytes: 7}},
		"transcoded bytes": {"<?xml version='1.0' encoding='latin1'?><entry><!--\xe9--></entry>", Limits{Bytes: 60}},
		"depth":            {"<entry><a/></entry>", Limits{Depth: 1}},
		"attributes":       {"<entry a='' b=''/>", Limits{Attributes: 1}},
		"entries":          {"<feed><entry/><entry/></feed>", Limits{Entries: 1}},
	} {
		var limit *LimitError
		if _, err := Parse([]byte(test.doc), "", test.lim); !errors.As(err, &limit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDepthIsNeverMoreThanReadersTake(t *testing.T) {
	doc := atLimits(1)["depth"]
	var limit *LimitError
	if _, err := Parse([]byte(doc), "", Limits{Depth: 1000}); !errors.As(err, &limit) || limit.Max != maxDepth {
		t.Error(err)
	}
}
