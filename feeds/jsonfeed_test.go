package feeds

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
)

// specFeed is a feed as https://www.jsonfeed.org/version/1.1/ has it, as far as we write it.
type specFeed struct {
	Version     string `json:"version"`
	Title       string `json:"title"`
	HomePageURL string `json:"home_page_url"`
	FeedURL     string `json:"feed_url"`
	Description string `json:"description"`
	NextURL     string `json:"next_url"`
	Authors     []struct {
		Name, URL, Avatar string
	} `json:"authors"`
	Items  *[]json.RawMessage `json:"items"`
	AtomMQ map[string]any     `json:"_atommq"`
}

// checkJSONFeed holds a document to what JSON Feed demands of one.
func checkJSONFeed(t *testing.T, doc []byte) []specItem {
	t.Helper()
	var f specFeed
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	if f.Version != "https://jsonfeed.org/version/1.1" || f.Title == "" || f.Items == nil {
		t.Errorf("%s lacks what a feed has to have", doc)
	}
	for _, link := range []string{f.HomePageURL, f.FeedURL, f.NextURL} {
		if u, err := url.Parse(link); err != nil || link != "" && !u.IsAbs() {
			t.Errorf("%q is no URL: %v", link, err)
		}
	}
	for _, a := range f.Authors {
		if a.Name == "" && a.URL == "" {
			t.Errorf("an author without a name: %s", doc)
		}
	}
	var items []specItem
	for _, item := range *f.Items {
		items = append(items, checkItem(t, item))
	}
	return items
}

func TestAJSONFeedIsOneWhateverIsInIt(t *testing.T) {
	f := oddFeed()
	p := &Page{Feed: *f, Collection: testCollection, Self: testCollection + "?format=json", Cursor: true}
	for _, doc := range documents(t, "accepted") {
		d, err := Parse(doc, "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range d.Entries {
			p.Members = append(p.Members, testMember(e))
		}
	}
	doc := AppendJSONFeed(nil, p, func(dst []byte, m *Member) []byte { return AppendJSONItem(dst, m, f, testCollection) })
	if items := checkJSONFeed(t, doc); len(items) != len(p.Members) {
		t.Errorf("%d items of %d members", len(items), len(p.Members))
	}
}
