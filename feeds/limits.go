package feeds

// Limits bounds what Parse takes. A zero field means its default.
type Limits struct {
	Bytes      int // of the document, default 16 MiB
	Depth      int // of nested elements from <entry> on, default and at most 256
	Attributes int // of one element, default 256
	Entries    int // in a feed document, default 1000
	// Archive says that a feed document may hold no entry, and tombstones, which are passed over:
	// it is to be read and not, as a batch, to be done.
	Archive bool
}

// What libxml2 refuses, in documents that its user has not declared huge,
// nobody should have to read here.
const (
	maxDepth = 256       // libxml2 takes 257, and a feed adds one
	maxRun   = 9_000_000 // bytes of text, of a comment, of a tag; libxml2 takes 10,000,000
	maxQName = 1000      // bytes of a qualified name; libxml2 takes 50,000
	maxHeld  = 9_500_000 // bytes of large tags with no long text between; libxml2 looks back 10,000,000
	largeTag = 250       // bytes; no smaller one counts, see leap
	longText = 8192      // bytes; behind such a text libxml2 looks no further back
	// maxNames bounds the names in an entry, in bytes, each as often as it stands. All
	// names of a document share libxml2's dictionary, which takes 20,900,000 bytes of
	// names no longer than maxQName, and a page of a feed is 8 MiB and one entry.
	maxNames = 10_000_000
	// spareBindings of them are not for an entry's root, but for the server's elements in it.
	spareBindings = 4
	// maxBindings bounds the namespace declarations in scope, because each
	// name searches them.
	maxBindings = 128
	// maxID bounds atom:id in bytes: it is kept beside the entry.
	maxID = 4096
)

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 16 << 20
	}
	if l.Depth <= 0 || l.Depth > maxDepth {
		l.Depth = maxDepth
	}
	if l.Attributes <= 0 {
		l.Attributes = 256
	}
	if l.Entries <= 0 {
		l.Entries = 1000
	}
	return l
}
