package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"atommq/api"
	"atommq/bus"
	"atommq/feeds"
)

// tailPage is how many entries are asked for at a time.
const tailPage = 100

// tailMost is how many entries it can begin with that are not behind a cursor: a page.
const tailMost = 1000

// tail reads feeds from a cursor on, or from so many entries before their end.
type tail struct {
	client *api.Client
	feeds  api.Following
	byEnd  bool // last says where to begin
	last   int
	follow bool
	show   func(*api.BatchEntry) error
	warn   io.Writer
}

func tailCommand() *cobra.Command {
	var (
		t      tail
		after  wholeNumber
		last   wholeNumber
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "tail FEED…",
		Short: "Print the entries of feeds, oldest first",
		Long: `Tail prints what a feed holds and, with --follow, what is published to it from then
on; a server that goes away and comes back is waited for. The number before an entry
is its id: --after takes it to go on from there.

Several feeds are one, in the order of ids; those that are not there yet are named. A name with a star at its end stands for all
feeds whose names begin so; '*' is every feed.`,
		Example: `  atommq tail mycoolfeed --follow
  atommq tail mycoolfeed --last 10
  atommq tail mycoolfeed --after 42 --json
  atommq tail 'orders*' billing --category urgent --follow`,
		Args: atLeastOne("FEED"),
	}
	s := declareClient(cmd)
	cmd.ValidArgsFunction = completeFeed(s, math.MaxInt)
	cmd.Flags().Var(&after, "after", "begin after this `id`; 0 is the beginning of what is kept")
	cmd.Flags().VarP(&last, "last", "n", "begin with the last `N` entries, at most 1000; with 0 and --follow, with what comes")
	cmd.MarkFlagsMutuallyExclusive("after", "last")
	cmd.Flags().BoolVarP(&t.follow, "follow", "f", false, "go on with what is published from now on")
	cmd.Flags().StringArrayVar(&t.feeds.Categories, "category", nil, "only entries with this category: its `term`, or {scheme}term; may be given several times, for those with any of them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if t.client, err = newClient(s); err != nil {
			return err
		}
		for _, arg := range args {
			if err := bus.CheckPattern(arg); err != nil {
				return misusef("feed %q: %w", arg, err)
			}
		}
		if last > tailMost {
			return misusef("--last %d: it is %d at most; --after takes the id to begin after", last, tailMost)
		}
		t.byEnd, t.last = cmd.Flags().Changed("last"), int(last)
		t.feeds.Feeds, t.feeds.After = args, int64(after)
		t.show, t.warn = showText(cmd.OutOrStdout(), t.several()), cmd.ErrOrStderr()
		if asJSON {
			t.show = showJSON(cmd.OutOrStdout())
		}
		return t.run(cmd.Context())
	}
	return cmd
}

// several reports whether entries may be of more than one feed.
func (t *tail) several() bool {
	return len(t.feeds.Feeds) > 1 || strings.HasSuffix(t.feeds.Feeds[0], "*")
}

// explain says of what the client met how to get over it here.
func (t *tail) explain(err error) error { return explain(t.client, t.feeds.Feeds[0], err) }

// lookAround names the feeds that are not there, or not to be read, in case they are mistyped:
// among several, and to a stream, they are empty ones. It fails where there is none at all, and
// none is waited for. What else is wrong, reading tells.
func (t *tail) lookAround(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	var missing []string
	for _, name := range t.feeds.Feeds {
		if strings.HasSuffix(name, "*") {
			continue
		}
		_, err := t.client.After(soon, name, math.MaxInt64, 1)
		refused, _ := errors.AsType[*api.StatusError](err)
		switch {
		case err != nil && refused == nil: // nor would it answer about others
			return nil
		case refused == nil:
		case refused.Status == http.StatusNotFound && explainStranger(t.client.BaseURL, refused) == nil:
			missing = append(missing, name)
		case refused.Status == http.StatusForbidden:
			t.tell(err)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err := noSuchFeed(missing...)
	if len(missing) == len(t.feeds.Feeds) && !t.follow {
		return err
	}
	t.tell(err)
	return nil
}

// tell writes what is no reason to end.
func (t *tail) tell(err error) { fmt.Fprintf(toPeople{t.warn}, "atommq: %s\n", err) }

// run prints until the feeds' end or, when following, until ctx ends.
func (t *tail) run(ctx context.Context) error {
	if t.several() || t.follow {
		if err := t.lookAround(ctx); err != nil {
			return err
		}
	}
	if t.byEnd {
		if err := t.showLast(ctx); err != nil || !t.follow {
			return err
		}
	}
	if t.follow {
		return t.runOn(ctx)
	}
	for {
		batch, err := t.client.Read(ctx, &t.feeds, tailPage)
		if err != nil {
			return t.explain(err)
		}
		if err := t.print(batch); err != nil || !batch.More {
			return err
		}
	}
}

// showLast prints the last entries, and moves the cursor behind them. Of a feed that is waited for
// there are none.
func (t *tail) showLast(ctx context.Context) error {
	batch, err := t.client.Newest(ctx, &t.feeds, max(t.last, 1))
	if refused, is := errors.AsType[*api.StatusError](err); is && refused.Status == http.StatusNotFound && t.follow {
		return nil
	}
	if err != nil {
		return t.explain(err)
	}
	batch.Entries = batch.Entries[max(len(batch.Entries)-t.last, 0):]
	return t.print(batch)
}

// runOn prints what comes until ctx ends.
func (t *tail) runOn(ctx context.Context) error {
	t.feeds.Lost = func(err error) {
		reason := strings.TrimRight(t.explain(err).Error(), ".")
		fmt.Fprintf(toPeople{t.warn}, "atommq: %s; trying again\n", reason)
	}
	if err := t.client.Follow(ctx, &t.feeds, t.show); ctx.Err() == nil {
		return t.explain(err)
	}
	return nil // Ctrl-C is how following ends
}

// print shows the entries of a batch and moves the cursor behind it.
func (t *tail) print(batch *api.Batch) error {
	for i := range batch.Entries {
		if err := t.show(&batch.Entries[i]); err != nil {
			return err
		}
	}
	t.feeds.After = batch.Last
	return nil
}

// died tells of a dead letter what became of its entry, by the headers that it has for that.
func died(h map[string]string) string {
	cause := h[bus.DeadCause]
	if cause == "" {
		return ""
	}
	return oneLine(fmt.Sprintf("  (%s at attempt %s; it was %s of %s)", cause, h["dead-attempts"], h["dead-id"], h["dead-feed"]))
}

// content returns an entry's content as it was published: RFC 4287 §4.1.3.3 has media that is
// neither text nor XML in base64, and so is XML that cannot stand in an entry. What is no base64
// stays as it is, and so does what is no text, which binary says.
func content(e *api.BatchEntry) (text string, binary bool) {
	switch t := strings.ToLower(e.ContentType); {
	case t == "text", t == "html", t == "xhtml",
		strings.HasPrefix(e.Content, "<"), // no base64 begins so
		strings.HasPrefix(t, "text/") && !feeds.IsMarkup(t):
		return e.Content, false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Content), ""))
	switch {
	case err != nil:
		return e.Content, false
	case !utf8.Valid(decoded):
		return e.Content, true
	}
	return string(decoded), false
}

// itemJSON is the form of an entry for programs.
type itemJSON struct {
	ID          int64     `json:"id"`
	Feed        string    `json:"feed"`
	Title       string    `json:"title"`
	Author      string    `json:"author,omitempty"`
	Published   time.Time `json:"published"`
	Updated     time.Time `json:"updated"`
	ContentType string    `json:"content_type,omitempty"`
	Content     string    `json:"content,omitempty"`
	Base64      bool      `json:"base64,omitempty"` // which Content is in: it is no text
	Source      string    `json:"src,omitempty"`
	URL         string    `json:"url,omitempty"`
	// Headers are those of a message that came through STOMP; of repeated ones the first.
	Headers map[string]string `json:"headers,omitempty"`
}

// tombstoneJSON is the form of a deleted entry for programs.
type tombstoneJSON struct {
	ID      int64     `json:"id"`
	Feed    string    `json:"feed"`
	Deleted bool      `json:"deleted"`
	Updated time.Time `json:"updated"`
	URL     string    `json:"url,omitempty"`
}

// headers returns the headers of a message, its content-type among them.
func headers(e *api.BatchEntry) map[string]string {
	if e.Message == nil {
		return nil
	}
	all := make(map[string]string)
	if e.Message.Type != "" {
		all["content-type"] = e.Message.Type
	}
	for _, h := range e.Message.Header {
		if _, given := all[h.Name]; !given { // 1.2, "Repeated Header Entries"
			all[h.Name] = h.Value
		}
	}
	return all
}

func showJSON(w io.Writer) func(*api.BatchEntry) error {
	lines := newEncoder(w)
	return func(e *api.BatchEntry) error {
		if e.Deleted {
			return lines.Encode(tombstoneJSON{e.ID, e.Feed, true, e.Updated, e.URL})
		}
		text, binary := content(e)
		return lines.Encode(itemJSON{e.ID, e.Feed, e.Title, e.Author, e.Published, e.Updated, e.ContentType, text, binary, e.Source, e.URL, headers(e)})
	}
}

// showText prints an entry for people: a line with its id, time and title, and
// its content below; of several feeds, with the feed before the title.
func showText(w io.Writer, several bool) func(*api.BatchEntry) error {
	return func(e *api.BatchEntry) error {
		title, below := oneLine(e.Title), ""
		if e.Deleted {
			title = "deleted " + oneLine(e.URL) // which entry that was
		}
		shown, _ := content(e)
		if text := strings.TrimSpace(printable(shown)); text != "" && text != strings.TrimSpace(e.Title) {
			below = "    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
		}
		if e.Source != "" {
			below = "    " + oneLine(e.Source) + "\n"
		}
		title += died(headers(e))
		if several {
			title = oneLine(e.Feed) + "  " + title
		}
		_, err := fmt.Fprintf(w, "%d  %s  %s\n%s", e.ID, e.Updated.Local().Format(time.DateTime), title, below)
		return err
	}
}
