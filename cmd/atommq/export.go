package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"atommq/db"
	"atommq/feeds"
)

func exportCommand() *cobra.Command {
	var (
		all bool
		to  string
	)
	cmd := &cobra.Command{
		Use:   "export FEED > FILE | export (FEED… | --all) --to DIR",
		Short: "Write feeds as Atom archives",
		Long: `Export writes the entries of feeds, as they are at one moment, as Atom documents that any reader of
Atom understands, and that atommq import takes back byte for byte. One feed is written to the output, as one document. With --to
there is a directory for each feed in DIR, with archive documents of at most 1000 entries (RFC 5005), the oldest first, and the
files that entries link to. Servers go on meanwhile. Drafts, tombstones, queues and settings are not part of an
archive: atommq backup keeps everything.`,
		Example: "  atommq export news > news.atom\n  atommq export --all --to archive",
		Args:    func(*cobra.Command, []string) error { return nil },
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&all, "all", false, "all feeds")
	cmd.Flags().StringVar(&to, "to", "", "`directory` to write to, which is made if there is none")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case all == (len(args) > 0):
			return misusef("name the feeds, or give --all")
		case to == "-":
			return misusef("--to names a directory: without it, one feed is written to standard output")
		case to == "" && (all || len(args) > 1):
			return misusef("several feeds need a directory: give --to")
		}
		if err := s.from("db", mustBeDatabase("--db", s.DB)); err != nil {
			return err
		}
		from, err := db.OpenSnapshot(cmd.Context(), s.DB)
		if err != nil {
			return explainOpening("--db", err)
		}
		x := &export{from: from, dir: to, out: cmd.OutOrStdout(), bar: newProgress(cmd.ErrOrStderr(), 1)}
		return errors.Join(x.run(cmd.Context(), args), from.Close())
	}
	return cmd
}

// What an archive document holds at most, beside one entry.
const (
	archiveEntries = 1000
	archiveBytes   = 8 << 20
)

// export is one under way.
type export struct {
	from *db.Snapshot
	dir  string // "" for out
	out  io.Writer
	bar  *progressbar.ProgressBar
}

// run exports the feeds of these names, all for none.
func (x *export) run(ctx context.Context, names []string) error {
	there, err := x.from.Feeds(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(there, func(f feeds.Feed) bool { return f.Name == name }) {
			return noFeedOf(name)
		}
	}
	var total int64
	chosen := slices.DeleteFunc(there, func(f feeds.Feed) bool { return len(names) > 0 && !slices.Contains(names, f.Name) })
	for _, f := range chosen {
		total += f.Entries
	}
	x.bar.ChangeMax64(max(total, 1))
	for i := range chosen {
		if err := x.feed(ctx, &chosen[i]); err != nil {
			return fmt.Errorf("export feed %q: %w", chosen[i].Name, err)
		}
	}
	return x.bar.Finish()
}

func (x *export) feed(ctx context.Context, f *feeds.Feed) error {
	x.bar.Describe(oneLine(f.Name))
	if x.dir == "" {
		return x.document(ctx, f)
	}
	dir := filepath.Join(x.dir, directoryOf(f.Name))
	if err := makeDirectory(dir); err != nil {
		return err
	}
	page, err := x.page(ctx, f, 0)
	if err != nil {
		return err
	}
	number, files := 1, make(map[string]bool)
	for {
		var next []*feeds.Member
		if len(page) > 0 {
			if next, err = x.page(ctx, f, page[len(page)-1].ID); err != nil {
				return err
			}
		}
		p := &feeds.Page{Feed: *f, Archive: true, Name: true, Self: archiveName(number), Members: page}
		if number > 1 {
			p.PrevArchive = archiveName(number - 1)
		}
		if len(next) > 0 {
			p.NextArchive = archiveName(number + 1)
		}
		if err := x.write(ctx, dir, number, p, files); err != nil {
			return err
		}
		if len(next) == 0 {
			break
		}
		page, number = next, number+1
	}
	if err := errors.Join(removeLonger(dir, number+1), removeOthers(filepath.Join(dir, mediaDirectory), files)); err != nil {
		return err
	}
	return syncNames(dir)
}

// removeOthers removes the files, but those of these names, that a former archive of the feed has left, or
// an export that was killed: their entries are gone, and an archive that is written again would only grow.
func removeOthers(media string, files map[string]bool) error {
	d, err := os.Open(media)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	there, err := d.Readdirnames(-1)
	for _, name := range there {
		if !files[name] && uuid.Validate(strings.TrimSuffix(name, partialEnding)) == nil {
			err = errors.Join(err, os.Remove(filepath.Join(media, name)))
		}
	}
	return err
}

// makeDirectory is os.MkdirAll, and has what it made outlast a power cut.
func makeDirectory(dir string) error {
	parent := filepath.Dir(dir)
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err = makeDirectory(parent); err == nil {
			err = os.Mkdir(dir, 0o755)
		}
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return syncDirectory(parent)
}

// syncNames has the files of a feed's directory keep their names through a power cut.
func syncNames(dir string) error {
	err := syncDirectory(filepath.Join(dir, mediaDirectory))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDirectory(dir)
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeLonger removes the documents from number on, which a former, longer archive of the feed has left.
func removeLonger(dir string, number int) error {
	for ; ; number++ {
		err := os.Remove(filepath.Join(dir, archiveName(number)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// directoryBytes is what file systems take of a name, and some of them less: with room for a
// program's own endings.
const directoryBytes = 140

// directoryOf returns what the directory of a feed is named: its name, with what file names cannot
// have escaped. A long one is cut, and has a digest of the whole behind a comma, which is in no
// name that was escaped.
func directoryOf(feed string) string {
	name := url.PathEscape(feed)
	if name[0] == '.' {
		name = "%2E" + name[1:]
	}
	if len(name) <= directoryBytes {
		return name
	}
	sum := sha256.Sum256([]byte(feed))
	digest := "," + hex.EncodeToString(sum[:16])
	name = name[:directoryBytes-len(digest)]
	if i := strings.LastIndexByte(name, '%'); i > len(name)-len("%2E") {
		name = name[:i]
	}
	return name + digest
}

func archiveName(number int) string { return fmt.Sprintf("%06d.atom", number) }

func (x *export) page(ctx context.Context, f *feeds.Feed, after int64) (members []*feeds.Member, err error) {
	page, err := x.from.Page(ctx, f.Name, after, archiveEntries, archiveBytes)
	for _, e := range page {
		members = append(members, &e.Member)
	}
	return members, err
}

// write writes one archive document, and what its entries link to before it, whose names it adds to files.
func (x *export) write(ctx context.Context, dir string, number int, p *feeds.Page, files map[string]bool) error {
	sums := make(map[string][]byte) // of media, by uuid
	for _, m := range p.Members {
		if m.Media == "" {
			continue
		}
		if err := makeDirectory(filepath.Join(dir, mediaDirectory)); err != nil {
			return err
		}
		err := writeWhole(filepath.Join(dir, mediaDirectory, m.UUID), func(w io.Writer) (err error) {
			sums[m.UUID], err = x.from.Media(ctx, m.UUID, w)
			return err
		})
		if err != nil {
			return err
		}
		files[m.UUID] = true
	}
	doc, err := renderArchive(p, sums)
	if err != nil {
		return err
	}
	err = writeWhole(filepath.Join(dir, archiveName(number)), func(w io.Writer) error {
		_, err := w.Write(doc)
		return err
	})
	_ = x.bar.Add(len(p.Members))
	return err
}

// mediaDirectory is where the media of a feed lie, beside its documents.
const mediaDirectory = "media"

// renderArchive makes a document of a page; sums are those of its media, by uuid.
func renderArchive(p *feeds.Page, sums map[string][]byte) (doc []byte, err error) {
	doc = feeds.AppendFeed(nil, p, func(dst []byte, m *feeds.Member) []byte {
		dst, failed := feeds.AppendKept(dst, m, &p.Feed, mediaDirectory+"/"+m.UUID, sums[m.UUID])
		err = errors.Join(err, failed)
		return dst
	})
	return doc, err
}

// partialEnding is that of a file's name until the file is whole.
const partialEnding = ".partial"

// writeWhole gives a file its name once it is complete and on the disk, so that an export that was
// stopped, by a power cut as well, leaves no half one.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path + partialEnding)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(f, 1<<16)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// endOfFeed closes a feed document.
var endOfFeed = []byte("\n</feed>\n")

// document writes a whole feed as one document, a page of it in memory.
func (x *export) document(ctx context.Context, f *feeds.Feed) error {
	for after, first := int64(0), true; ; first = false {
		members, err := x.page(ctx, f, after)
		if err != nil {
			return err
		}
		for _, m := range members {
			if m.Media != "" {
				return fmt.Errorf("entry %d links to a file, which has no place in one document: give --to", m.ID)
			}
		}
		doc, err := renderArchive(&feeds.Page{Feed: *f, Archive: true, Name: true, Self: "urn:uuid:" + f.UUID, Members: members}, nil)
		if err != nil {
			return err
		}
		doc = bytes.TrimSuffix(doc, endOfFeed)
		if !first {
			doc = doc[bytes.Index(doc, []byte("<fh:archive")):]
			_, doc, _ = bytes.Cut(doc, []byte("/>"))
		}
		if _, err := x.out.Write(doc); err != nil {
			return err
		}
		_ = x.bar.Add(len(members))
		if len(members) == 0 {
			_, err := x.out.Write(endOfFeed)
			return err
		}
		after = members[len(members)-1].ID
	}
}
