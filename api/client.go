package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/blog/atom"

	"atommq/bus"
	"atommq/feeds"
)

// Client publishes to the feeds of a server and reads them. A request of which nothing was sent and
// nothing came for 30 seconds, beyond what the server was asked to wait, fails, as does one whose
// answer comes at less than 1 KiB a second after that time: such an error is
// os.ErrDeadlineExceeded. A stream may be as slow as it likes.
type Client struct {
	BaseURL         string       // "http://127.0.0.1:8080"
	HTTP            *http.Client // default http.DefaultClient
	Login, Passcode string       // HTTP Basic, when Passcode is set
	// Retry is for how long Publish tries again while no answer comes, or one that says to try
	// later; 0 for once only. Then it ends, unless a body is still being sent.
	Retry time.Duration
}

// Batch is a page of a feed, oldest entry first.
type Batch struct {
	Entries []BatchEntry
	Last    int64 // the cursor to go on from
	More    bool  // there are entries after Last already
}

// BatchEntry is one entry, as far as the Atom model of golang.org/x/tools/blog/atom goes, and XHTML:
// it has no categories or other extensions than STOMP's; URL leads to the whole entry. Of one that
// was deleted (RFC 6721) there are ID, Updated, which is when that was, and the URL it had.
type BatchEntry struct {
	ID                 int64
	Feed               string
	Deleted            bool
	Title              string // plain text, as in JSON Feed
	Published, Updated time.Time
	Author             string // the first one's name
	Content            string
	ContentType        string // "text", "html", "xhtml" or a media type
	Source             string // URL of the content, where it is a file or somewhere else; "" where it is Content
	URL                string
	Message            *feeds.Message // the type and headers that a STOMP client sent, without the body; nil for an entry born in Atom
}

// StatusError is an answer other than the one asked for.
type StatusError struct {
	Status int
	Text   string        // what the server says about it
	After  time.Duration // when to try again, as Retry-After says; 0 where it says nothing
}

func (e *StatusError) Error() string { return e.Text }

// Is reports whether e is about an answer that AtomMQ does not give, to target ErrForeign: another
// success, or a redirection; and that there is no such page or method, without a word about it.
func (e *StatusError) Is(target error) bool {
	if target != ErrForeign {
		return false
	}
	switch e.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return !strings.HasPrefix(e.Text, fmt.Sprintf("%d %s: ", e.Status, http.StatusText(e.Status)))
	}
	return e.Status < http.StatusBadRequest
}

// ErrForeign is in the error about an answer that AtomMQ does not give: something else is at the
// address, or stands before it.
var ErrForeign = errors.New("the answer is not AtomMQ's")

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// After reads at most limit (1 to 1000) entries with ids above after. Refusals are a *StatusError:
// status 404 while there is no such feed, 410 where entries after the cursor are no longer kept.
func (c *Client) After(ctx context.Context, feed string, after int64, limit int) (*Batch, error) {
	if err := checkFeed(feed); err != nil {
		return nil, err
	}
	page, err := c.page(ctx, feeds.Path(feed)+"?limit="+strconv.Itoa(limit), bus.Cursor{After: after}, 0)
	return page.Batch, err
}

// Read is After for all that f follows. Several feeds are one, in the order of ids, whether there
// are such or not. Whoever reads on, from their beginning, puts the batch's Last into f.After, and
// calls it with the same f: that knows what was gone before.
func (c *Client) Read(ctx context.Context, f *Following, limit int) (*Batch, error) {
	target, err := f.target()
	if err != nil {
		return nil, err
	}
	from := bus.Cursor{After: f.After}
	if f.known.After == f.After {
		from = f.known
	}
	page, err := c.page(ctx, limited(target, limit), from, 0)
	if err == nil {
		f.known = page.cursor
	}
	return page.Batch, err
}

// Newest reads the newest entries, at most limit (1 to 1000), of all that f follows, oldest first.
// The batch's Last is the cursor to follow from.
func (c *Client) Newest(ctx context.Context, f *Following, limit int) (*Batch, error) {
	target, err := f.target()
	if err != nil {
		return nil, err
	}
	page, err := c.page(ctx, limited(target, limit), bus.Cursor{After: noCursor}, 0)
	return page.Batch, err
}

// noCursor stands for the newest page.
const noCursor = -1

// batchRead is a batch as it came.
type batchRead struct {
	*Batch
	cursor bus.Cursor // to go on from
}

// page reads what comes after a cursor, and has the server wait for something for at most wait.
func (c *Client) page(ctx context.Context, target string, from bus.Cursor, wait time.Duration) (page batchRead, err error) {
	req, err := c.to(ctx, http.MethodGet, target, nil)
	if err != nil {
		return page, err
	}
	req.Header.Set("Accept", "application/atom+xml")
	if from.After != noCursor {
		req.Header.Set("Xlastid", from.String())
	}
	if wait > 0 {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(int(wait.Seconds())))
	}
	resp, body, err := c.do(req, http.StatusOK, wait+answerPatience)
	if err != nil {
		return page, fmt.Errorf("read %s: %w", target, err)
	}
	page.cursor, err = bus.ParseCursor(resp.Header.Get("Xlastid"))
	if err != nil {
		return page, fmt.Errorf("read %s: %w: Xlastid: %w", target, ErrForeign, err)
	}
	if page.Batch, err = parseBatch(body); err != nil {
		return page, fmt.Errorf("read %s: %w", target, err)
	}
	page.Last = page.cursor.After
	return page, nil
}

// lastID returns the id that each answer about entries carries.
func lastID(resp *http.Response) (int64, error) {
	id, err := parseID(resp.Header.Get("Xlastid"))
	if err != nil {
		return 0, fmt.Errorf("%w: Xlastid: %w", ErrForeign, err)
	}
	return id, nil
}

func checkFeed(feed string) error {
	if err := feeds.CheckName(feed); err != nil {
		return fmt.Errorf("feed %q: %w: %w", feed, errMisuse, err)
	}
	return nil
}

// to makes a request for a path and query of the server.
func (c *Client) to(ctx context.Context, method, target string, body io.Reader) (*http.Request, error) {
	if err := CheckURL(c.BaseURL); err != nil {
		return nil, fmt.Errorf("base %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.BaseURL, "/")+target, body)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w: %w", errMisuse, err)
	}
	if c.Passcode != "" && strings.Contains(c.Login, ":") { // RFC 7617 §2
		return nil, fmt.Errorf("login %q: %w: a server takes what comes after the colon for the passcode", c.Login, errMisuse)
	}
	if c.Passcode != "" {
		req.SetBasicAuth(c.Login, c.Passcode)
	}
	return req, nil
}

// CheckURL refuses what is no URL of a server: http(s)://host[:port][/path], which other paths may be
// put behind.
func CheckURL(server string) error {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return fmt.Errorf("URL: %w: %w", errMisuse, err)
	case u.Host == "", u.Scheme != "http" && u.Scheme != "https", strings.ContainsAny(server, "?#"):
		return fmt.Errorf("URL %q: %w: want http(s)://host[:port][/path]", u.Redacted(), errMisuse)
	}
	return nil
}

func (c *Client) client() *http.Client {
	if c.HTTP == nil {
		return http.DefaultClient
	}
	return c.HTTP
}

// do sends req and reads the whole answer, which is to have the given status. It fails once nothing
// came for as long as patience, or when the answer takes longer than that and is slow, too.
func (c *Client) do(req *http.Request, status int, patience time.Duration) (*http.Response, []byte, error) {
	ctx, dog := watch(req.Context(), patience)
	defer dog.stop()
	resp, err := c.client().Do(dog.request(req.WithContext(ctx)))
	if err != nil {
		return nil, nil, causeOf(ctx, err)
	}
	dog.heard()
	body, err := io.ReadAll(io.LimitReader(inTime(watched{resp.Body, dog}, patience), maxAnswer+1))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the answer: %w", causeOf(ctx, err))
	case len(body) > maxAnswer:
		return nil, nil, fmt.Errorf("the answer is larger than %d bytes; ask for fewer entries", maxAnswer)
	case resp.Request != nil && resp.Request.Method != req.Method: // as RFC 9110 §15.4.2 allows: what was to be published went nowhere
		sent := resp.Request.Response
		return nil, nil, &StatusError{Status: sent.StatusCode, Text: sent.Status + " to " + resp.Request.URL.Redacted()}
	case resp.StatusCode != status:
		return nil, nil, statusError(resp, body)
	}
	return resp, body, nil
}

// statusError makes an error of an answer.
func statusError(resp *http.Response, body []byte) *StatusError {
	return &StatusError{Status: resp.StatusCode, Text: statusText(resp, body), After: retryTime(resp.Header.Get("Retry-After"), time.Now())}
}

// statusText returns the first line that the server says about a failure.
func statusText(resp *http.Response, body []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	mediaType := cmp.Or(resp.Header.Get("Content-Type"), http.DetectContentType(body)) // a port of TLS says without a type that it is one
	var problem struct {
		Detail string `json:"detail"`
	}
	if strings.HasPrefix(mediaType, typeProblem) && json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		line, mediaType = []byte(resp.Status+": "+problem.Detail), "text/plain"
	}
	if len(line) == 0 || !strings.HasPrefix(mediaType, "text/plain") {
		return resp.Status
	}
	return string(line[:min(len(line), 500)])
}

// batchFeed is what a follower needs of a feed document.
type batchFeed struct {
	Link  []batchLink `xml:"http://www.w3.org/2005/Atom link"`
	Entry []batchItem `xml:"http://www.w3.org/2005/Atom entry"`
	Gone  []tombstone `xml:"http://purl.org/atompub/tombstones/1.0 deleted-entry"`
}

// tombstone is a deleted-entry, RFC 6721 §3, with the id extension.
type tombstone struct {
	Position int64        `xml:"urn:atommq id"`
	When     atom.TimeStr `xml:"when,attr"`
	Link     []batchLink  `xml:"http://www.w3.org/2005/Atom link"`
}

// batchLink is an atom:link, as far as it is needed. That of golang.org/x/tools/blog/atom fails on
// a length that is no number, and RFC 4287 §4.2.7.6 lets anything stand there.
type batchLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

// batchItem is atom.Entry with namespaces, so that foreign elements are told from
// Atom's, and with the id extension.
type batchItem struct {
	Position  int64         `xml:"urn:atommq id"`
	Title     batchTitle    `xml:"http://www.w3.org/2005/Atom title"`
	Link      []batchLink   `xml:"http://www.w3.org/2005/Atom link"`
	Published atom.TimeStr  `xml:"http://www.w3.org/2005/Atom published"`
	Updated   atom.TimeStr  `xml:"http://www.w3.org/2005/Atom updated"`
	Author    []atom.Person `xml:"http://www.w3.org/2005/Atom author"`
	Content   batchContent  `xml:"http://www.w3.org/2005/Atom content"`
	Message   *batchMessage `xml:"urn:atommq:stomp message"`
}

// batchTitle is atom:title as plain text.
type batchTitle string

// UnmarshalXML reads a title of any type: text in elements is that of XHTML.
func (t *batchTitle) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var text []byte
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			text = append(text, token...)
		}
	}
	html := slices.Contains(start.Attr, xml.Attr{Name: xml.Name{Local: "type"}, Value: "html"})
	*t = batchTitle(feeds.PlainTitle(text, html))
	return nil
}

// batchContent is atom:content, of which atom.Text has the text alone.
type batchContent struct {
	Type   string `xml:"type,attr"`
	Source string `xml:"src,attr"`
	Text   string `xml:",chardata"`
	Markup string `xml:",innerxml"`
}

// body returns the content as its type has it: for XHTML and XML, RFC 4287 §4.1.3.3, the markup.
// Text alone is no XML document, but base64 of one that cannot stand there.
func (c *batchContent) body() string {
	packed := c.Type != "xhtml" && strings.TrimSpace(c.Text) != ""
	if feeds.IsMarkup(c.Type) && c.Source == "" && !packed {
		return strings.TrimSpace(c.Markup)
	}
	return c.Text
}

func parseBatch(body []byte) (*Batch, error) {
	var doc batchFeed
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("%w: parse the feed: %w", ErrForeign, err)
	}
	b := &Batch{More: href(doc.Link, "next") != ""}
	for i := range doc.Entry {
		b.Entries = append(b.Entries, doc.Entry[i].entry())
	}
	for _, t := range doc.Gone {
		b.Entries = append(b.Entries, t.entry())
	}
	slices.SortStableFunc(b.Entries, func(x, y BatchEntry) int { return cmp.Compare(x.ID, y.ID) })
	return b, nil
}

func (t *tombstone) entry() BatchEntry {
	at := href(t.Link, "self")
	return BatchEntry{ID: t.Position, Feed: feedOf(at), Deleted: true, Updated: feeds.ParseDate(string(t.When)), URL: at}
}

func (i *batchItem) entry() BatchEntry {
	e := BatchEntry{
		ID:          i.Position,
		Title:       string(i.Title),
		Published:   feeds.ParseDate(string(i.Published)),
		Updated:     feeds.ParseDate(string(i.Updated)),
		Content:     i.Content.body(),
		ContentType: cmp.Or(i.Content.Type, "text"),
		Source:      i.Content.Source,
		URL:         href(i.Link, "edit"),
		Message:     i.Message.message(),
	}
	e.Feed = feedOf(e.URL)
	if len(i.Author) > 0 {
		e.Author = i.Author[0].Name
	}
	return e
}

// feedOf returns the feed of the entry at a URL, which ends in feeds/{feed}/entries/{uuid}; "" for another one.
func feedOf(member string) string {
	u, err := url.Parse(member)
	if err != nil {
		return ""
	}
	parts := strings.Split(u.EscapedPath(), "/")
	if len(parts) < 4 || parts[len(parts)-4] != "feeds" || parts[len(parts)-2] != "entries" {
		return ""
	}
	feed, _ := url.PathUnescape(parts[len(parts)-3])
	return feed
}

func href(links []batchLink, rel string) string {
	for _, l := range links {
		if l.Rel == rel {
			return l.Href
		}
	}
	return ""
}
