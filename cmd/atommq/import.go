package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"atommq/bus"
	"atommq/feeds"
)

func importCommand() *cobra.Command {
	var (
		feed  string
		old   string
		again bool
	)
	most := byteSize(1 << 30)
	cmd := &cobra.Command{
		Use:   "import (FILE… | DIR | --from KIND DATABASE)",
		Short: "Publish what Atom documents, or the databases of other systems, hold",
		Long: `Import publishes the entries of Atom documents, in their order: what atommq export wrote, and any valid
feed or entry of other programs. An entry keeps its atom:id, its times and its bytes; one that AtomMQ exported its uuid, too. Ids, the values of
Xlastid, are new. An import that is stopped goes on when it is run again, and one that is run twice
publishes nothing twice: an entry that the database has is passed over, and one that it had and that consumers took, or that
is no longer kept, for as long as servers remember idempotency keys (--idempotency-window of theirs, a day by default). With --again, what
has gone is published again.

A DIR is what export --to wrote. A document without the name of a feed in it needs --feed.

With --from, DATABASE is that of another system: a file of SQLite, or postgres://…
  ocamlmq   messages that were not acknowledged wait in /queue/…, in their order
  atombus   entries of AtomBus, and of AtomMQ from 0.01 to 1.04, in their order and under their urn:uuid:

It works on the database that --db names, also beside a running server. One that is not there it does not make: atommq migrate up does.`,
		Example: "  atommq import news.atom\n  atommq import --from ocamlmq ocamlmq.db",
		Args:    func(*cobra.Command, []string) error { return nil },
	}
	s := declare(cmd, "db", "max-media")
	cmd.Flags().StringVar(&feed, "feed", "", "name of the `feed` to publish to, whatever the documents say")
	cmd.Flags().StringVar(&old, "from", "", "`kind` of the database to import: ocamlmq or atombus")
	cmd.Flags().BoolVar(&again, "again", false, "publish again what was imported before and has gone since: consumers took it, or it was pruned, or its feed removed")
	cmd.Flags().Var(&most, "max-document", "largest document that is read, which takes several times its size of memory")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkImport(args, feed, old); err != nil {
			return err
		}
		i := &importer{feed: feed, again: again, most: int64(most), mostMedia: int64(s.MaxMedia)}
		err := withNode(cmd.Context(), s, func(n *node) error {
			i.node, i.bar = n, newProgress(cmd.ErrOrStderr(), 1)
			if old == "" {
				return i.documents(cmd.Context(), args)
			}
			return i.old(cmd.Context(), old, args[0])
		})
		if err != nil {
			return err
		}
		if i.gone > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "imported before, and gone since: %d; --again publishes them again\n", i.gone)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "imported %d, had %d\n", i.published, i.had)
		return err
	}
	return cmd
}

func checkImport(args []string, feed, old string) error {
	switch {
	case len(args) == 0:
		return misusef("no FILE given")
	case old != "" && old != "ocamlmq" && old != "atombus":
		return misusef("--from is %q: give ocamlmq or atombus", old)
	case old != "" && len(args) > 1:
		return misusef("--from takes one DATABASE, and %q is more", args[1])
	}
	if feed == "" {
		return nil
	}
	if _, err := feedName(feed); err != nil {
		return err
	}
	return newFeedName(feed)
}

// importer publishes what came from elsewhere.
type importer struct {
	*node
	feed            string // "" for what the documents say
	again           bool   // publish what has gone since
	most, mostMedia int64
	bar             *progressbar.ProgressBar
	batch           []bus.Post
	size            int // of the batch, in bytes
	inBatch         map[string]bool
	published, had  int
	gone            int // of had
}

// What is published at a time.
const (
	importEntries = 500
	importBytes   = 4 << 20
)

// documents imports files, and what directories hold, in the order of names.
func (i *importer) documents(ctx context.Context, args []string) error {
	var files []string
	var total int64
	for _, arg := range args {
		found, err := documentsIn(arg)
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			total += info.Size()
		}
	}
	i.bar.ChangeMax64(max(total, 1))
	for _, file := range files {
		i.bar.Describe(oneLine(filepath.Base(file)))
		if err := i.document(ctx, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return i.bar.Finish()
}

// documentsIn returns the Atom documents in a directory, or the file itself.
func documentsIn(path string) (files []string, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file or directory", path)
	}
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == mediaDirectory && file != path:
			// The media of a feed's archive; not the archive of a feed of that name, beside those of others.
			if document, err := os.Lstat(filepath.Join(filepath.Dir(file), archiveName(1))); err == nil && !document.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && strings.HasSuffix(file, ".atom"):
			if !d.Type().IsRegular() { // an archive may come from anybody, and must not reach beyond itself
				return fmt.Errorf("%s: is a link or no file, which no archive has: name it itself to import it", file)
			}
			files = append(files, file)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: holds no .atom file", path)
	}
	slices.Sort(files)
	return files, err
}

// document imports one file.
func (i *importer) document(ctx context.Context, file string) error {
	doc, err := i.read(file)
	if err != nil {
		return err
	}
	i.size = 0
	parsed, err := feeds.Parse(doc, "", feeds.Limits{Bytes: int(min(i.most, math.MaxInt)), Entries: math.MaxInt, Archive: true})
	if err != nil {
		return err
	}
	feed := i.feed
	if feed == "" {
		feed = parsed.Feed
	}
	if feed == "" {
		return misusef("the document does not say which feed it is of: give --feed")
	}
	if err := i.entitle(ctx, feed, parsed.Title); err != nil {
		return err
	}
	for _, e := range parsed.Entries {
		if err := i.entry(ctx, feed, e, filepath.Dir(file)); err != nil {
			return err
		}
	}
	_ = i.bar.Add(len(doc))
	return i.flush(ctx)
}

func (i *importer) read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, i.most+1))
	if err == nil && int64(len(doc)) > i.most {
		most := byteSize(i.most)
		err = fmt.Errorf("is larger than %s: raise --max-document, or export with --to", &most)
	}
	return doc, err
}

// entitle gives a feed that is not there yet the title of the document.
func (i *importer) entitle(ctx context.Context, feed, title string) error {
	_, err := i.bus.Feed(ctx, feed)
	if !errors.Is(err, bus.ErrNoFeed) {
		return err
	}
	if title == "" || title == feed {
		return nil
	}
	_, err = i.bus.Configure(ctx, feed, bus.Settings{Title: &title})
	return err
}

// entry publishes an entry of a document in dir.
func (i *importer) entry(ctx context.Context, feed string, e *feeds.Entry, dir string) error {
	m, sum, err := feeds.Unkeep(e)
	if errors.Is(err, feeds.ErrNotKept) {
		return i.add(ctx, bus.Post{Feed: feed, Entry: e, UUID: uuidOf(feed, e)}, nil)
	}
	if err != nil {
		return err
	}
	p := bus.Post{Feed: feed, UUID: m.UUID, Entry: &feeds.Entry{
		ID: m.AtomID, Title: m.Title, Published: m.Published, Updated: m.Updated, Absent: m.Absent, XML: m.XML, Media: m.Media,
	}}
	if m.Media == "" {
		return i.add(ctx, p, nil)
	}
	return i.add(ctx, p, &attachment{dir, m.UUID, sum})
}

// attachment is a file of an archive that an entry links to.
type attachment struct {
	dir  string // of the document
	uuid string // of the entry, in the archive
	sum  []byte // SHA-256; nil where the archive does not say
}

// openMedia opens a file of the archive that has a document in dir. A link in its place would have
// any file of this machine published.
func openMedia(dir, uuid string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.Join(mediaDirectory, uuid)
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: is a link or no file, which no archive has", filepath.Join(dir, name))
	}
	if err != nil {
		return nil, err
	}
	return root.Open(name)
}
