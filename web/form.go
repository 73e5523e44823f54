package web

import (
	"cmp"

	"atommq/feeds"
)

// typeFields is the media type that a form posts.
const typeFields = "application/x-www-form-urlencoded"

// form is what a person fills in to publish.
type form struct {
	Action     string // path that it posts to
	Fixed      bool   // the categories are the feed's own
	Categories []option
}

// option is one to choose.
type option struct{ Value, Name string }

// newForm returns the form of a feed, nil where what it posts is not accepted.
func newForm(f *feeds.Feed, action string, accepts feeds.Accepts) *form {
	if !accepts.Allow(typeFields, "") {
		return nil
	}
	v := &form{Action: action, Fixed: f.Categories.Fixed}
	if v.Fixed {
		for _, c := range f.Categories.List {
			v.Categories = append(v.Categories, option{c.Term, cmp.Or(c.Label, c.Term)})
		}
	}
	return v
}
