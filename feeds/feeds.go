// Package feeds says what an entry is and how it looks.
//
// It parses posted Atom strictly, keeps the posted bytes, and writes every
// document a reader gets: entries, feeds, service documents, tombstones, and
// the same as JSON. What comes as anything else, a STOMP message or a CloudEvent,
// it makes an entry of, and back. It knows nothing of storage or transport.
//
// An Entry is what somebody publishes, a Member what a feed has of it: entry.go and member.go are
// where to begin. parse.go makes entries of Atom, compose.go and message.go of all else; feed.go
// writes the documents of feeds.
//
// Nothing here keeps state between calls; every function is safe for
// concurrent use, and a value may be shared once it is no longer written to.
package feeds

// The XML namespaces in use.
const (
	NamespaceAtom      = "http://www.w3.org/2005/Atom"             // RFC 4287
	NamespaceApp       = "http://www.w3.org/2007/app"              // RFC 5023
	NamespaceTombstone = "http://purl.org/atompub/tombstones/1.0"  // RFC 6721
	NamespaceHistory   = "http://purl.org/syndication/history/1.0" // RFC 5005
	NamespaceXHTML     = "http://www.w3.org/1999/xhtml"
	NamespaceXML       = "http://www.w3.org/XML/1998/namespace"
	// NamespaceMQ is that of what the server adds to an entry: <id>, its id, the value of Xlastid;
	// <traceparent> and <tracestate>, from whoever published it; <claim>, to one that was handed
	// out; <kept>, to one in an archive. A feed there has its name in <feed>.
	NamespaceMQ = "urn:atommq"
	// NamespaceStomp is that of the extension element <message>, which keeps what a STOMP client
	// sent beside the body: the attribute content-type, and a <header name="…"> for each header.
	NamespaceStomp = "urn:atommq:stomp"
)
