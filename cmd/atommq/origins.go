package main

import (
	"strings"

	"github.com/spf13/pflag"

	"atommq/api"
)

// origins is a setting that lists origins of pages: "https://a.example,https://b.example". It is a pflag.Value.
type origins []string

// corsSettings are those about other sites' pages.
func corsSettings() []setting {
	return []setting{
		{"cors-origins", "`origins` whose pages may use the server from a browser, like https://example.org,https://other.example; * lets all sites' pages read",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.Var(&s.CORSOrigins, n, h) }},
	}
}

func (o *origins) Type() string   { return "origins" }
func (o *origins) String() string { return strings.Join(*o, ",") }

func (o *origins) Set(value string) error {
	var all origins
	for word := range strings.SplitSeq(value, ",") {
		word = strings.TrimSpace(word)
		if err := api.CheckOrigin(word); err != nil {
			return err
		}
		all = append(all, word)
	}
	*o = all
	return nil
}
