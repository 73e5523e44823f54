package feeds

import "bytes"

// jsonFeed is a JSON Feed 1.1, https://www.jsonfeed.org/version/1.1/, up to its items.
type jsonFeed struct {
	Version     string        `json:"version"`
	Title       string        `json:"title"`
	HomePageURL string        `json:"home_page_url,omitempty"`
	FeedURL     string        `json:"feed_url,omitempty"`
	Description string        `json:"description,omitempty"`
	NextURL     string        `json:"next_url,omitempty"`
	Authors     []jsonAuthor  `json:"authors,omitempty"`
	AtomMQ      jsonFeedLinks `json:"_atommq"`
}

// jsonFeedLinks is what JSON Feed has no member for.
type jsonFeedLinks struct {
	Feed        string `json:"feed"`
	LastID      int64  `json:"last_id,omitempty"` // of the feed, not of the page
	FirstURL    string `json:"first_url,omitempty"`
	LastURL     string `json:"last_url,omitempty"`
	PreviousURL string `json:"previous_url,omitempty"`
	Archive     bool   `json:"archive,omitempty"`
	CurrentURL  string `json:"current_url,omitempty"`
	PrevArchive string `json:"prev_archive_url,omitempty"`
	NextArchive string `json:"next_archive_url,omitempty"`
}

// AppendJSONFeed appends a page as a JSON Feed 1.1 document. item appends one member, as
// AppendJSONItem does. Tombstones stand only where the page is read by cursor, or is a delta: who
// knows nothing of "_atommq" takes one for an item without content.
func AppendJSONFeed(dst []byte, p *Page, item func(dst []byte, m *Member) []byte) []byte {
	head := jsonFeed{
		Version: "https://jsonfeed.org/version/1.1", Title: p.Feed.title(), HomePageURL: p.Alternate, FeedURL: p.Self,
		Description: p.Feed.Subtitle, NextURL: p.Next,
		AtomMQ: jsonFeedLinks{
			Feed: p.Feed.Name, LastID: p.Feed.LastID, FirstURL: p.First, LastURL: p.Last, PreviousURL: p.Previous,
			Archive: p.Archive, CurrentURL: p.Current, PrevArchive: p.PrevArchive, NextArchive: p.NextArchive,
		},
	}
	if p.Archive {
		head.NextURL, head.AtomMQ.LastID = p.NextArchive, 0 // it stays as it is while the feed goes on
	}
	var by jsonItem
	by.author(p.Feed.author(), p.Collection)
	head.Authors = by.Authors
	dst = append(bytes.TrimSuffix(appendJSON(dst, head), []byte("}")), `,"items":[`...)
	parted := false
	for _, m := range p.Members {
		if m.Deleted && !p.Cursor && !p.Delta {
			continue
		}
		if parted {
			dst = append(dst, ',')
		}
		parted = true
		dst = item(append(dst, '\n'), m)
	}
	return append(dst, "\n]}\n"...)
}
