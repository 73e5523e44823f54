// Package feeds says what an entry is and how it looks.
//
// It parses posted Atom strictly, keeps the posted bytes, and writes every
// document a reader gets: entries, feeds, service documents, tombstones.
// It knows nothing of storage or transport.
//
// Nothing here keeps state between calls; every function is safe for
// concurrent use, and a value may be shared once it is no longer written to.
package feeds

import "time"

// The XML namespaces in use.
const (
	NamespaceAtom      = "http://www.w3.org/2005/Atom"            // RFC 4287
	NamespaceApp       = "http://www.w3.org/2007/app"             // RFC 5023
	NamespaceTombstone = "http://purl.org/atompub/tombstones/1.0" // RFC 6721
	NamespaceXHTML     = "http://www.w3.org/1999/xhtml"
	NamespaceXML       = "http://www.w3.org/XML/1998/namespace"
	// NamespaceMQ is that of the extension element <id>, which carries an
	// entry's id, the value of Xlastid.
	NamespaceMQ = "urn:atommq"
)

// Feed describes a feed to the documents about it.
type Feed struct {
	Name       string // as in its URL, decoded
	UUID       string // permanent; its atom:id is urn:uuid:UUID
	Title      string // "" means Name
	Subtitle   string
	Author     Person // a zero Name means the feed's title
	AppendOnly bool
	Created    time.Time
	Updated    time.Time // of its last change
	LastID     int64     // id of its newest entry, 0 when it never had one
	Entries    int64     // live entries, tombstones not counted
	Bytes      int64     // of their XML
}

// Person is an RFC 4287 person construct.
type Person struct{ Name, URI, Email string }

// Page is one document's worth of a feed, in the order it is to be shown.
// The links are absolute URLs; an empty one is left out.
type Page struct {
	Feed       Feed
	Collection string // the feed's own URL, without a query
	Base       string // the site's URL, without a trailing slash
	Self       string
	Next       string
	Previous   string
	Alternate  string // the HTML form
	Members    []*Member
	Cursor     bool // oldest first, read by cursor
}

// List is one page of the list of feeds, ordered by name, bytewise.
type List struct {
	Base     string
	Self     string
	Next     string
	Previous string
	Feeds    []Feed
}
