package feeds

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
	for i := range maxBindings - 2 + step {
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
		"prefix":      "<entry><" + long + ":x xmlns:" + long + `="urn:a"/></entry>`,
		"depth":       "<entry>" + strings.Repeat("<x>", depth) + strings.Repeat("</x>", depth) + "</entry>",
		"batch depth": "<feed><entry>" + strings.Repeat("<x>", depth) + strings.Repeat("</x>", depth) + "</entry></feed>",
		"attributes":  "<entry><x" + attrs + "/></entry>",
		"namespaces":  "<entry><x" + declared + "/></entry>",
		"id":          "<entry><id>urn:" + strings.Repeat("a", maxID-len("urn:")+step) + "</id></entry>",
		"entries":     "<feed>" + strings.Repeat("<entry/>", 1000+step) + "</feed>",
		"inherited tag": "<feed xmlns:" + long[:100] + `="urn:` + strings.Repeat("x", maxRun/2) + `"><entry a="` +
			strings.Repeat("x", maxRun/2-200+200*step) + `"/></feed>`,
		"inherited": `<feed xml:lang="` + strings.Repeat("x", 1<<20) + `">` + strings.Repeat("<entry/>", 15+step) + "</feed>",
		"bytes":     "<entry>" + strings.Repeat("<x/>"+strings.Repeat(" ", 12), 1<<20-1) + strings.Repeat(" ", step) + " </entry>",
	}
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
		some := d.Entries[:min(len(d.Entries), 2)]
		for form, b := range map[string][]byte{
			"alone":     AppendDocument(nil, testMember(some[0]), testFeed(), testCollection),
			"in a feed": page(some),
		} {
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(xmllint, "--noout", "--nonet", file).CombinedOutput(); err != nil {
				t.Errorf("%s, %s: %v %.200s", name, form, err, out)
			}
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
