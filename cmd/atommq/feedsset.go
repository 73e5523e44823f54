package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"atommq/bus"
	"atommq/feeds"
)

// feedFlags is what the flags of "feeds set" say of a feed.
type feedFlags struct {
	title, subtitle        string
	author                 feeds.Person
	accept                 []string
	categories             []string
	scheme                 string
	fixed                  bool
	appendOnly, untilAcked bool
	keepAge                periodOrNone
	keepEntries            wholeNumber
	keepBytes              byteSizeOrNone
}

// everything and nothing stand for lists of media ranges that hold none.
const (
	everything = "all"
	nothing    = "none"
)

func feedsSetCommand() *cobra.Command {
	var f feedFlags
	cmd := &cobra.Command{
		Use:   "set FEED",
		Short: "Change the properties of a feed, making it if there is none",
		Long: `Set changes what the flags name, and leaves the rest as it is. What a feed no longer keeps
is removed by a running server, within a minute or so. It says so where it made the feed.`,
		Example: `  atommq feeds set orders --title 'Orders of the shop' --append-only
  atommq feeds set photos --accept 'image/*' --category cats --category dogs --fixed-categories --keep-bytes 10GiB`,
		Args: justOne("FEED"),
	}
	s := declare(cmd, "db")
	f.declare(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !f.given(cmd) {
			return misusef("nothing to set: give --title, --accept, --keep-age or another flag that --help lists")
		}
		feed, err := feedName(args[0])
		if err != nil {
			return err
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			now, err := n.bus.Feed(cmd.Context(), feed)
			isNew := errors.Is(err, bus.ErrNoFeed)
			if isNew {
				now, err = new(bus.Feed), newFeedName(feed)
			}
			if err != nil {
				return err
			}
			set, err := n.bus.Configure(cmd.Context(), feed, f.change(cmd, now))
			if err != nil {
				return err
			}
			if isNew {
				tellNewFeed(cmd, feed)
			}
			return writeSettings(cmd.OutOrStdout(), set)
		})
	}
	return cmd
}

// tellNewFeed says that a feed was made: where another one was meant, its name is mistyped.
func tellNewFeed(cmd *cobra.Command, name string) {
	fmt.Fprintf(toPeople{cmd.ErrOrStderr()}, "made a new feed: %s\n", name)
}

func (f *feedFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.title, "title", "", "`title` of the feed")
	flags.StringVar(&f.subtitle, "subtitle", "", "`subtitle` of the feed")
	flags.StringVar(&f.author.Name, "author", "", "`name` of the author of entries that name none")
	flags.StringVar(&f.author.URI, "author-uri", "", "their `URI`")
	flags.StringVar(&f.author.Email, "author-email", "", "their e-mail `address`")
	flags.StringArrayVar(&f.accept, "accept", nil, "media `range` that may be posted, may be given several times; all or none alone")
	flags.StringArrayVar(&f.categories, "category", nil, "`term` of a category of its entries, may be given several times; an empty one alone for no list")
	flags.StringVar(&f.scheme, "category-scheme", "", "`IRI` of the scheme of the categories")
	flags.BoolVar(&f.fixed, "fixed-categories", false, "refuse entries with other categories")
	flags.BoolVar(&f.appendOnly, "append-only", false, "refuse edits and removals")
	flags.BoolVar(&f.untilAcked, "until-acked", false, "remove an entry once every queue of the feed has acknowledged it")
	flags.Var(&f.keepAge, "keep-age", "remove entries that are older than this `time`, like 12h or 30d; 0 for no bound")
	flags.Var(&f.keepEntries, "keep-entries", "remove all but the newest `N` entries; 0 for no bound")
	flags.Var(&f.keepBytes, "keep-bytes", "remove all but the newest entries that have this `size` together with their media; 0 for no bound")
}

// change returns the settings that were given. Of what is set as a whole, the rest is as the feed has it now.
func (f *feedFlags) change(cmd *cobra.Command, now *bus.Feed) (change bus.Settings) {
	given := cmd.Flags().Changed
	givenAny := func(names ...string) bool { return slices.ContainsFunc(names, given) }
	if given("title") {
		change.Title = &f.title
	}
	if given("subtitle") {
		change.Subtitle = &f.subtitle
	}
	if givenAny("author", "author-uri", "author-email") {
		author := now.Author
		choose(given("author"), &author.Name, f.author.Name)
		choose(given("author-uri"), &author.URI, f.author.URI)
		choose(given("author-email"), &author.Email, f.author.Email)
		change.Author = &author
	}
	if given("accept") {
		change.Accepts = f.accepts()
	}
	if givenAny("category", "category-scheme", "fixed-categories") {
		categories := now.Categories
		choose(given("category"), &categories.List, f.list())
		choose(given("category-scheme"), &categories.Scheme, f.scheme)
		choose(given("fixed-categories"), &categories.Fixed, f.fixed)
		change.Categories = &categories
	}
	if given("append-only") {
		change.AppendOnly = &f.appendOnly
	}
	if given("until-acked") {
		change.UntilAcked = &f.untilAcked
	}
	if givenAny("keep-age", "keep-entries", "keep-bytes") {
		keep := now.Keep
		choose(given("keep-age"), &keep.Age, time.Duration(f.keepAge))
		choose(given("keep-entries"), &keep.Entries, int64(f.keepEntries))
		choose(given("keep-bytes"), &keep.Bytes, int64(f.keepBytes))
		change.Keep = &keep
	}
	return change
}

// given reports whether any flag of f was given.
func (f *feedFlags) given(cmd *cobra.Command) (given bool) {
	cmd.Flags().Visit(func(flag *pflag.Flag) { given = given || flag.Name != "db" && flag.Name != "config" })
	return given
}

// choose sets field to value if that was given.
func choose[T any](given bool, field *T, value T) {
	if given {
		*field = value
	}
}

func (f *feedFlags) accepts() *feeds.Accepts {
	accepts := feeds.Accepts(f.accept)
	if len(f.accept) == 1 && f.accept[0] == everything {
		accepts = nil
	}
	if len(f.accept) == 1 && f.accept[0] == nothing {
		accepts = feeds.Accepts{}
	}
	return &accepts
}

func (f *feedFlags) list() (list []feeds.Category) {
	if len(f.categories) == 1 && f.categories[0] == "" {
		return nil
	}
	for _, term := range f.categories {
		list = append(list, feeds.Category{Term: term})
	}
	return list
}

// writeSettings writes the properties that a feed has now, on one line.
func writeSettings(w io.Writer, f *bus.Feed) error {
	has := []string{"open to edits"}
	if f.AppendOnly {
		has[0] = appendOnly
	}
	for _, p := range []struct{ name, value string }{
		{"title", f.Title}, {"subtitle", f.Subtitle}, {"author", f.Author.Name},
	} {
		if p.value != "" {
			has = append(has, fmt.Sprintf("%s %q", p.name, p.value))
		}
	}
	if f.Accepts != nil {
		has = append(has, "accepts "+cmp.Or(strings.Join(f.Accepts, " "), nothing))
	}
	if !f.Categories.IsZero() {
		has = append(has, categoriesOf(&f.Categories))
	}
	has = append(has, "keeps "+keeps(f))
	_, err := fmt.Fprintf(toPeople{w}, "%s: %s\n", f.Name, strings.Join(has, ", "))
	return err
}

// categoriesOf names categories in one line.
func categoriesOf(c *feeds.Categories) string {
	line := "categories"
	if c.Fixed {
		line = "fixed categories"
	}
	for _, cat := range c.List {
		line += " " + cat.Term
	}
	if c.Scheme != "" {
		line += " of " + c.Scheme
	}
	return line
}
