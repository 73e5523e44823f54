package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// settingsJSON is what the owner of a feed decides about it. What a PUT leaves out becomes as it
// is for a new feed.
type settingsJSON struct {
	Title      string          `json:"title"`
	Subtitle   string          `json:"subtitle"`
	Author     authorJSON      `json:"author"`
	Accepts    feeds.Accepts   `json:"accepts"` // null: everything
	Categories *categoriesJSON `json:"categories"`
	AppendOnly bool            `json:"append_only"`
	UntilAcked *bool           `json:"until_acked"` // null: as it is, or as the first entry decides
	Keep       keepJSON        `json:"keep"`
}

type authorJSON struct {
	Name  string `json:"name"`
	URI   string `json:"uri"`
	Email string `json:"email"`
}

type categoriesJSON struct {
	Fixed  bool             `json:"fixed"`
	Scheme string           `json:"scheme"`
	List   []feeds.Category `json:"list"`
}

// keepJSON bounds what a feed keeps; 0 bounds nothing.
type keepJSON struct {
	Age     int64 `json:"age"` // seconds
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

func settingsOf(f *bus.Feed) *settingsJSON {
	categories := categoriesJSON(f.Categories)
	if categories.List == nil {
		categories.List = []feeds.Category{}
	}
	return &settingsJSON{
		Title: f.Title, Subtitle: f.Subtitle,
		Author:     authorJSON(f.Author),
		Accepts:    f.Accepts,
		Categories: &categories,
		AppendOnly: f.AppendOnly,
		UntilAcked: &f.UntilAcked,
		Keep:       keepJSON{int64(f.Keep.Age / time.Second), f.Keep.Entries, f.Keep.Bytes},
	}
}

// settings returns what the bus is to set.
func (j *settingsJSON) settings() (set bus.Settings, err error) {
	for i, n := range []int64{j.Keep.Age, j.Keep.Entries, j.Keep.Bytes} {
		if n < 0 {
			return set, badRequest("keep.%s: %d is out of range: give a whole number from 0 on, 0 for no bound. Nothing was changed.", []string{"age", "entries", "bytes"}[i], n)
		}
	}
	if j.Keep.Age > math.MaxInt64/int64(time.Second) {
		return set, badRequest("keep.age: %d seconds is more than can be counted. Give fewer, or 0 for no bound.", j.Keep.Age)
	}
	var categories feeds.Categories
	if j.Categories != nil {
		categories = feeds.Categories(*j.Categories)
		if len(categories.List) == 0 {
			categories.List = nil
		}
	}
	return bus.Settings{
		Title: &j.Title, Subtitle: &j.Subtitle,
		Author:     (*feeds.Person)(&j.Author),
		Accepts:    &j.Accepts,
		Categories: &categories,
		AppendOnly: &j.AppendOnly,
		UntilAcked: j.UntilAcked,
		Keep:       &bus.Keep{Age: time.Duration(j.Keep.Age) * time.Second, Entries: j.Keep.Entries, Bytes: j.Keep.Bytes},
	}, nil
}

// settingsTag returns the opaque part of the ETag of a feed's settings: how often they were
// changed, and a digest of what they are.
func settingsTag(f *bus.Feed, body []byte) string {
	return strconv.FormatInt(f.Revision, 10) + "-" + digest(append([]byte(f.UUID), body...))
}

// getSettings answers with the settings of a feed.
func (s *site) getSettings(w http.ResponseWriter, r *http.Request) error {
	f, err := s.feedOf(r)
	if err != nil {
		return err
	}
	w.Header()["Vary"] = varyAccept
	if _, err := accepted(r, []offer{{typ: "application/json"}}); err != nil {
		return err
	}
	return writeSettings(w, r, http.StatusOK, f)
}

func writeSettings(w http.ResponseWriter, r *http.Request, status int, f *bus.Feed) error {
	body, err := json.MarshalIndent(settingsOf(f), "", "  ")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	h := w.Header()
	h["Cache-Control"] = noCache
	tag := settingsTag(f, body)
	if r.Method != http.MethodPut { // whose conditions were about the state before it
		if done, err := sameState(w, r, tag); done || err != nil {
			return err
		}
	}
	h["Content-Type"] = []string{"application/json"}
	h["X-Content-Type-Options"] = nosniff
	out := newOutput(w, r, tag)
	out.status = status
	defer out.release()
	out.finish(append(append(out.buf, body...), '\n'))
	return nil
}

// putSettings sets all settings of a feed, which begins with them if there is none.
func (s *site) putSettings(w http.ResponseWriter, r *http.Request) error {
	name, err := feedName(r)
	if err != nil {
		return err
	}
	former, err := s.bus.Feed(r.Context(), name)
	if err != nil && !errors.Is(err, bus.ErrNoFeed) {
		return err
	}
	revision, err := settingsPrecondition(r, former)
	if err != nil {
		return err
	}
	var given settingsJSON
	if err := s.receiveObject(w, r, feedObject, &given); err != nil {
		return err
	}
	set, err := given.settings()
	if err != nil {
		return err
	}
	set.IfRevision = revision
	if refused, is := errors.AsType[*bus.SettingError](set.Check()); is {
		return badRequest("%s. Nothing was changed.", sentence(refused.Reason))
	}
	if err := s.makeFeed(r, name); err != nil {
		return err
	}
	f, err := s.bus.Configure(r.Context(), name, set)
	switch {
	case errors.Is(err, bus.ErrChanged):
		return ofSettings.changedMeanwhile(former != nil)
	case err != nil:
		return err
	}
	status := http.StatusOK
	if former == nil {
		status = http.StatusCreated
		w.Header()["Location"] = []string{s.baseOf(r) + feeds.Path(name)}
	}
	return writeSettings(w, r, status, f)
}

// What conditions are about, of a feed.
var (
	ofFeed     = conditional{"feed", "feed has"}
	ofSettings = conditional{"feed", "feed's settings have"}
)

// settingsPrecondition evaluates the conditions of a change, and returns the revision that the
// settings must still have when it is made, nil for any. f is nil where there is no feed.
func settingsPrecondition(r *http.Request, f *bus.Feed) (*int64, error) {
	current := ""
	if f != nil {
		body, err := json.MarshalIndent(settingsOf(f), "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write settings: %w", err)
		}
		current = settingsTag(f, body)
	}
	bound, err := ofSettings.check(r, f != nil, func(tag string) bool { return strings.TrimSuffix(tag, gzipSuffix) == current })
	if !bound {
		return nil, err
	}
	revision := new(int64) // that of a feed which must not come into being meanwhile
	if f != nil {
		*revision = f.Revision
	}
	return revision, nil
}

// deleteCollection removes a feed with all it has.
func (s *site) deleteCollection(w http.ResponseWriter, r *http.Request) error {
	f, err := s.feedOf(r)
	if err != nil {
		return err
	}
	current := strconv.FormatInt(f.LastID, 10)
	bound, err := ofFeed.check(r, true, func(tag string) bool { return state(tag) == current })
	if err != nil {
		return err
	}
	ifID := int64(0)
	if bound {
		ifID = f.LastID
	}
	err = s.bus.DropFeed(r.Context(), f.Name, ifID)
	if errors.Is(err, bus.ErrChanged) {
		return ofFeed.changed()
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
