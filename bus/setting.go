package bus

import (
	"fmt"
	"strings"

	"atommq/feeds"
)

// SettingError says why a setting of a feed cannot be.
type SettingError struct{ Reason string }

func (e *SettingError) Error() string { return "setting: " + e.Reason }

// Check returns a *SettingError for what no feed can be set to.
func (s *Settings) Check() error {
	texts := []struct {
		what string
		text *string
	}{{"the title", s.Title}, {"the subtitle", s.Subtitle}}
	if a := s.Author; a != nil {
		texts = append(texts, []struct {
			what string
			text *string
		}{{"the author's name", &a.Name}, {"the author's URI", &a.URI}, {"the author's e-mail address", &a.Email}}...)
	}
	for _, t := range texts {
		if t.text == nil {
			continue
		}
		if err := feeds.CheckText(t.what, *t.text); err != nil {
			return settingError(err)
		}
	}
	if a := s.Author; a != nil && a.Email != "" && !strings.Contains(a.Email, "@") { // RFC 4287 §3.2.3
		return &SettingError{"the author's e-mail address has no @"}
	}
	if a := s.Author; a != nil && !feeds.IsReference(a.URI) { // RFC 4287 §3.2.2
		return &SettingError{fmt.Sprintf("the author's URI %.80q has characters that none has: write them as percent and two digits, a space as %%20", a.URI)}
	}
	if s.Accepts != nil {
		if err := s.Accepts.Check(); err != nil {
			return settingError(err)
		}
	}
	if s.Categories != nil {
		if err := s.Categories.Check(); err != nil {
			return settingError(err)
		}
	}
	if k := s.Keep; k != nil && (k.Age < 0 || k.Entries < 0 || k.Bytes < 0) {
		return &SettingError{"what a feed keeps is counted from 0, which bounds nothing"}
	}
	return nil
}

func settingError(err error) error { return &SettingError{err.Error()} }
