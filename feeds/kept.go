package feeds

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// An entry in an archive that AtomMQ exports is whole for any reader of Atom, and can be taken back
// as it was: behind its start tag stands <mq:kept>, which says what is not in the entry's own XML,
// then as many bytes of elements as it says that the server filled in, then the rest of the entry.
const keptOpen = `<mq:kept xmlns:mq="` + NamespaceMQ + `"`

// AppendKept appends the element of a live entry as an archive has it. f gives the author of an
// entry without one; media is where the media lie that it links to, and sum their SHA-256.
func AppendKept(dst []byte, m *Member, f *Feed, media string, sum []byte) ([]byte, error) {
	start, end, err := rootSpan(m)
	if err != nil {
		return dst, err
	}
	prefix, inner := rootTag(m.XML)
	filled := writer{prefix: prefix}
	filled.filledIn(m, f, media)
	w := writer{dst: append(dst, m.XML[start:inner]...), prefix: prefix}
	w.position(m.ID)
	w.edited(m.Edited)
	w.raw(keptOpen)
	w.attribute("uuid", m.UUID)
	w.attribute("published", strconv.FormatInt(m.Published.UnixMicro(), 10))
	w.attribute("updated", strconv.FormatInt(m.Updated.UnixMicro(), 10))
	w.attribute("filled", strconv.Itoa(len(filled.dst)))
	own := sha256.Sum256(m.XML)
	w.attribute("sha256", hex.EncodeToString(own[:]))
	if m.Media != "" {
		w.attribute("media", base64.StdEncoding.EncodeToString([]byte(m.Media)))
		w.attribute("media-sha256", hex.EncodeToString(sum))
	}
	if start > 0 {
		w.attribute("before", base64.StdEncoding.EncodeToString(m.XML[:start]))
	}
	if end < len(m.XML) {
		w.attribute("behind", base64.StdEncoding.EncodeToString(m.XML[end:]))
	}
	w.raw("/>")
	w.dst = append(append(w.dst, filled.dst...), m.XML[inner:end]...)
	return w.dst, nil
}

// filledIn appends what RFC 4287 wants of an entry and its publisher left out. Nothing of it is
// left out when a document is parsed.
func (w *writer) filledIn(m *Member, f *Feed, media string) {
	w.absentMetadata(m)
	if m.Media != "" {
		w.mediaContent(m.Media, media)
	}
	if m.Absent&PartAuthor != 0 {
		w.author(f.author())
	}
	if m.Absent&PartAlternate != 0 {
		w.link("alternate", "", urnUUID+m.UUID)
	}
	if m.Absent&PartSummary != 0 {
		w.element("summary", "")
	}
}

// rootSpan returns where the root element of a live entry stands: comments may stand around it.
func rootSpan(m *Member) (start, end int, err error) {
	start = rootStart(m.XML)
	p := viewing(m)
	if _, err := p.prolog(); err != nil {
		return 0, 0, fmt.Errorf("find the root of entry %d: %w", m.ID, err)
	}
	if err := p.skip(); err != nil {
		return 0, 0, fmt.Errorf("find the root of entry %d: %w", m.ID, err)
	}
	return start, p.pos, nil
}

// ErrNotKept says that an entry is not one that AtomMQ exported, or was changed since.
var ErrNotKept = errors.New("not as it was exported")

// Unkeep returns the entry that AppendKept wrote into an archive of which e was parsed, byte for
// byte, with its uuid, and the SHA-256 of its media, nil where the archive is older than that:
// ErrNotKept for any other entry.
func Unkeep(e *Entry) (m *Member, mediaSum []byte, err error) {
	_, inner := rootTag(e.XML)
	if !bytes.HasPrefix(e.XML[inner:], []byte(keptOpen)) {
		return nil, nil, ErrNotKept
	}
	p := viewing(&Member{XML: e.XML})
	if _, err := p.prolog(); err != nil {
		return nil, nil, err
	}
	if _, err := p.next(); err != nil {
		return nil, nil, err
	}
	k := keptTag{p: &p}
	m = &Member{UUID: p.attrString("uuid"), Published: k.time("published"), Updated: k.time("updated"), Media: k.media("media")}
	before, behind := k.bytes("before"), k.bytes("behind")
	sum, mediaSum := k.sum("sha256"), k.sum("media-sha256")
	filled := k.number("filled", 0, int64(len(e.XML)))
	if err := p.skip(); err != nil {
		return nil, nil, err
	}
	rest := p.pos + int(filled)
	if k.wrong || rest > len(e.XML) || !isUUIDText(m.UUID) {
		return nil, nil, ErrNotKept
	}
	m.XML = bytes.Join([][]byte{before, e.XML[:inner], e.XML[rest:], behind}, nil)
	if is := sha256.Sum256(m.XML); !bytes.Equal(is[:], sum) {
		return nil, nil, ErrNotKept
	}
	return m, mediaSum, m.reread()
}

// reread takes from the XML what is kept beside it.
func (m *Member) reread() error {
	doc, err := ParseFor(m, m.XML, "", Limits{Bytes: math.MaxInt})
	if err != nil {
		return err
	}
	if doc.Batch {
		return ErrNotKept
	}
	e := doc.Entries[0]
	m.Title, m.AtomID, m.Absent = e.Title, e.ID, e.Absent
	return nil
}

func isUUIDText(s string) bool { return len(s) == 36 && isUUID([]byte(s)) }

// keptTag reads the attributes of <mq:kept>.
type keptTag struct {
	p     *parser
	wrong bool
}

func (k *keptTag) number(name string, least, most int64) int64 {
	n, err := strconv.ParseInt(k.p.attrString(name), 10, 64)
	k.wrong = k.wrong || err != nil || n < least || n > most
	return n
}

// The times that RFC 3339 can write, in microseconds.
const (
	firstMicro = -62_135_596_800_000_000
	lastMicro  = 253_402_300_799_999_999
)

func (k *keptTag) time(name string) time.Time {
	return time.UnixMicro(k.number(name, firstMicro, lastMicro)).UTC()
}

// media returns a media type, "" for none.
func (k *keptTag) media(name string) string {
	typ := k.bytes(name)
	if _, ok := mediaType(typ); !ok && len(typ) > 0 {
		k.wrong = true
	}
	return string(typ)
}

// sum returns a SHA-256, nil for none.
func (k *keptTag) sum(name string) []byte {
	text := k.p.attrString(name)
	if text == "" {
		return nil
	}
	sum, err := hex.DecodeString(text)
	k.wrong = k.wrong || err != nil || len(sum) != sha256.Size
	return sum
}

func (k *keptTag) bytes(name string) []byte {
	b, err := base64.StdEncoding.DecodeString(k.p.attrString(name))
	k.wrong = k.wrong || err != nil
	return b
}
