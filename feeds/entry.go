package feeds

import "time"

// Parts is a set of the elements that RFC 4287 wants and a publisher may leave
// out. The server fills in what is missing when the entry is written.
type Parts uint16

// The elements a publisher may leave out.
const (
	PartID        Parts = 1 << iota // atom:id: becomes urn:uuid:UUID
	PartTitle                       // atom:title: becomes empty
	PartUpdated                     // atom:updated: the time of publishing
	PartPublished                   // atom:published: the time of first publishing
	PartAuthor                      // atom:author, none in atom:source either: the feed's
	PartAlternate                   // a link "alternate", which feed readers open: the member's page
	PartSummary                     // atom:summary, where content is out of line or base64: becomes empty
)

// Entry is one parsed atom:entry.
type Entry struct {
	// XML is what was posted, in UTF-8, with these differences only: no byte order mark, XML
	// declaration or white space around it; without the elements the server manages, which a client
	// sends back when it edits (app:edited, the link "edit", the link "self" to a member's URI, the
	// id extension), and without what Trace tells; and with a root start tag that always binds the
	// default namespace, and is never an empty-element tag. So it reads the same alone and inside a
	// feed that makes Atom its default namespace.
	XML []byte

	ID        string    // atom:id as posted, "" when absent
	Title     string    // atom:title as plain text, white space folded
	Updated   time.Time // zero when absent
	Published time.Time // zero when absent
	Absent    Parts     // what was left out
	Draft     bool      // app:control says that it is not to be published yet
	Media     string    // the media type of what it links to, which the server keeps; "" for none
	Trace     Trace     // WithTrace puts it into the XML that is kept
}
