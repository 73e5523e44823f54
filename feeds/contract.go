package feeds

// The functions below are the package's contract with its callers; each moves
// to the file of its noun as it is built.

// Limits bounds what Parse takes. A zero field means its default.
type Limits struct {
	Bytes      int // of the document, default 16 MiB
	Depth      int // of nested elements, default 256
	Attributes int // of one element, default 256
	Entries    int // in a feed document, default 1000
}

// SyntaxError says where a document stops being an Atom entry or feed.
type SyntaxError struct {
	Line, Column int // from 1; columns count characters
	Reason       string
}

func (e *SyntaxError) Error() string { panic("contract") }

// LimitError says which limit a document passes.
type LimitError struct {
	What string // "document size in bytes", "element depth" …
	Max  int
}

func (e *LimitError) Error() string { panic("contract") }

// EncodingError names a character encoding that is not understood.
type EncodingError struct{ Encoding string }

func (e *EncodingError) Error() string { panic("contract") }

// CheckName reports why name cannot name a feed: it takes 1 to 255 bytes of
// valid UTF-8 without control characters or Unicode noncharacters, and not "."
// or "..", which no URL can carry.
func CheckName(name string) error { panic("contract") }

// Path returns the escaped URL path of a feed's collection, "/feeds/a%2Fb".
func Path(name string) string { panic("contract") }

// Document is a parsed Atom document.
type Document struct {
	Entries []*Entry
	Batch   bool // its root was <feed>
}

// Parse reads an Atom entry or feed document in UTF-8, UTF-16, ISO-8859-1 or
// US-ASCII. charset is the transport's word on the encoding, "" for none. doc is not
// changed and may be kept by the result. It returns a *SyntaxError, *LimitError or *EncodingError.
func Parse(doc []byte, charset string, lim Limits) (*Document, error) { panic("contract") }

// LooksLikeAtom reports whether doc starts as an Atom document does: past a
// byte order mark, white space, an XML declaration and comments stands <entry or
// <feed, with a prefix or without.
func LooksLikeAtom(doc []byte) bool { panic("contract") }

// Note is an entry that the server composes for a publisher who sent none.
type Note struct {
	Title    string // "" for a title made from the content's first line
	Author   Person
	Type     string // of Content: "text", "html" or a media type, parameters allowed
	Content  []byte
	Summary  string
	Category []string // terms
	Link     string   // an "alternate" link
}

// Compose makes the entry for a note. Text that XML cannot carry, and media that is
// neither text nor XML, goes as base64 (RFC 4287 §4.1.3.3).
func Compose(n Note) (*Entry, error) { panic("contract") }

// AppendMember appends the entry element of m, or its at:deleted-entry. The same bytes
// serve alone and inside a feed. f gives the author of an entry without one,
// collection is the absolute URL of the feed.
func AppendMember(dst []byte, m *Member, f *Feed, collection string) []byte { panic("contract") }

// AppendFeed appends a whole feed document. member appends one member's element, as
// AppendMember does; callers pass their own to serve it from a cache.
func AppendFeed(dst []byte, p *Page, member func(dst []byte, m *Member) []byte) []byte {
	panic("contract")
}

// AppendDocument appends the XML declaration and the member's element: the
// document at the member's URI.
func AppendDocument(dst []byte, m *Member, f *Feed, collection string) []byte { panic("contract") }

// AppendService appends an RFC 5023 service document with one workspace that
// holds the list's feeds.
func AppendService(dst []byte, l *List) []byte { panic("contract") }

// AppendList appends the list of feeds as an Atom feed, an entry each.
func AppendList(dst []byte, l *List) []byte { panic("contract") }

// AppendListJSON appends the list of feeds as a JSON object.
func AppendListJSON(dst []byte, l *List) []byte { panic("contract") }

// View is what a person sees of an entry.
type View struct {
	Authors    []Person
	Summary    Text
	Content    Text
	Links      []Link
	Categories []Category
	Lang       string // xml:lang in force at the root
	Base       string // xml:base in force at the root
}

// Text is a text construct or a content element.
type Text struct {
	// Type is "text", "html", "xhtml" or a media type; "" when absent.
	Type string
	// Body is decoded: plain text, HTML source, the XHTML div's or the XML
	// document's source with every namespace it uses declared, or the bytes that base64 carried.
	Body []byte
	Src  string // atom:content/@src
	Lang string
	Base string
}

// Link is an atom:link, without the ones the server manages.
type Link struct{ Rel, Href, Type, Title string }

// Category is an atom:category.
type Category struct{ Term, Scheme, Label string }

// Inspect reads the parts of a live member that a person sees.
func Inspect(m *Member) (*View, error) { panic("contract") }
