package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"atommq/api"
	"atommq/bus"
	"atommq/feeds"
)

// publication is what one call of publish sends.
type publication struct {
	feed       string
	text       []string
	file       string
	title      string
	author     string
	categories []string
	mediaType  string
	key        string
}

func publishCommand() *cobra.Command {
	var (
		p      publication
		retry  period
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "publish FEED [TEXT…]",
		Short: "Publish an entry to a feed",
		Long: `Publish sends one entry to a running server and prints the id and the address it
got, once it is on disk there; of a draft, which has no id, the address. What is sent are the words given, the file that --file
names, or standard input, which - stands for, too. An Atom entry is sent as it is, an Atom feed document as an
atomic batch; anything else becomes the content of a new entry.

With --retry it is sent again while no answer comes, or one that says to try later. It is
published once all the same: a key makes sure of that.`,
		Example: `  atommq publish mycoolfeed hello world
  atommq publish orders --title 'order 17' --type application/json --file order.json --key order-17`,
		Args: atLeastOne("FEED"),
	}
	s := declareClient(cmd)
	cmd.ValidArgsFunction = completeFeed(s, 1)
	cmd.Flags().StringVar(&p.title, "title", "", "`title` of the entry")
	cmd.Flags().StringVar(&p.author, "author", "", "`name` of the entry's author (default: the feed's)")
	cmd.Flags().StringArrayVar(&p.categories, "category", nil, "`term` of a category of the entry; may be repeated")
	cmd.Flags().StringVar(&p.mediaType, "type", "", "media `type` of what is sent (default: Atom if it looks like Atom, else text/plain)")
	cmd.Flags().StringVar(&p.file, "file", "", "`file` to send")
	cmd.Flags().StringVar(&p.key, "key", "", "idempotency `key`: publishing again under it changes nothing")
	cmd.Flags().Var(&retry, "retry", "`time` to try again for while no answer comes, like 1m")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := newClient(s)
		if err != nil {
			return err
		}
		client.Retry = time.Duration(retry)
		if p.feed, err = feedName(args[0]); err == nil {
			err = newFeedName(p.feed)
		}
		if err != nil {
			return err
		}
		if err := bus.CheckKey(p.key); p.key != "" && err != nil {
			return misusef("--key %w: give 1 to 255 characters of printable ASCII", err)
		}
		if strings.ContainsFunc(p.mediaType, func(c rune) bool { return unicode.IsControl(c) && c != '\t' }) {
			return misusef(`--type %q is not a media type such as "text/plain" or "image/png"`, p.mediaType)
		}
		p.text = args[1:]
		receipt, err := p.publish(cmd.Context(), client, cmd.InOrStdin())
		if err != nil {
			return err
		}
		if asJSON {
			return newEncoder(cmd.OutOrStdout()).Encode(receiptJSON(*receipt))
		}
		return showReceipt(toPeople{cmd.OutOrStdout()}, receipt)
	}
	return cmd
}

// receiptJSON is the form of a receipt for programs.
type receiptJSON struct {
	ID       int64    `json:"id,omitempty"`
	Location string   `json:"location,omitempty"`
	Drafts   []string `json:"drafts,omitempty"`
}

// showReceipt prints a receipt for people.
func showReceipt(w io.Writer, r *api.Receipt) error {
	var lines strings.Builder
	if r.ID > 0 {
		fmt.Fprintf(&lines, "%d %s\n", r.ID, r.Location)
	}
	for _, draft := range r.Drafts {
		fmt.Fprintf(&lines, "draft %s\n", draft)
	}
	_, err := io.WriteString(w, lines.String())
	return err
}

func (p *publication) publish(ctx context.Context, client *api.Client, stdin io.Reader) (*api.Receipt, error) {
	body, err := p.body(stdin)
	if err != nil {
		return nil, err
	}
	mediaType := p.mediaType
	switch isAtom := feeds.LooksLikeAtom(body); {
	case p.isDescribed() && isAtom && mediaType == "":
		return nil, misusef("an Atom document says itself what --title, --author and --category would: leave them out, or say with --type that it is content")
	case p.isDescribed():
		if body, err = p.compose(body); err != nil {
			return nil, err
		}
		mediaType = "application/atom+xml;type=entry"
	case mediaType == "" && isAtom:
		mediaType = "application/atom+xml"
	case mediaType == "":
		mediaType = "text/plain; charset=utf-8"
	}
	receipt, err := client.Publish(ctx, p.feed, mediaType, body, p.key)
	if err != nil {
		return nil, explain(client, p.feed, err)
	}
	return receipt, nil
}

// body reads what is to be sent. Nothing is sent only under a title: an entry without either is
// more often a script's empty variable than meant.
func (p *publication) body(stdin io.Reader) ([]byte, error) {
	body, source, err := p.read(stdin)
	if err == nil && len(body) == 0 && p.title == "" {
		err = fmt.Errorf("nothing to publish: %s; an entry without content needs a --title", source)
	}
	return body, err
}

// read returns what is to be sent, and what to call its absence.
func (p *publication) read(stdin io.Reader) (body []byte, absence string, err error) {
	switch {
	case p.file != "" && len(p.text) > 0:
		return nil, "", misusef("give either words or --file")
	case len(p.text) > 0 && !slices.Equal(p.text, []string{"-"}):
		return []byte(strings.Join(p.text, " ")), "the text is empty", nil
	case p.file != "" && p.file != "-":
		body, err = os.ReadFile(p.file)
		return body, p.file + " is empty", err
	}
	body, err = io.ReadAll(stdin)
	return body, "standard input is empty", err
}

// isDescribed reports whether something is said of the entry beside its content.
func (p *publication) isDescribed() bool {
	return p.title != "" || p.author != "" || len(p.categories) > 0
}

// compose makes an Atom entry with content.
func (p *publication) compose(content []byte) ([]byte, error) {
	note := feeds.Note{Title: p.title, Author: feeds.Person{Name: p.author}, Category: p.categories, Type: p.mediaType, Content: content}
	if note.Type == "" {
		note.Type = "text"
	}
	entry, err := feeds.Compose(note)
	if err != nil {
		return nil, err
	}
	return entry.XML, nil
}
