package feeds

import (
	"strconv"
	"time"
)

// Claimed is what an entry that was handed out has beside what every entry has.
type Claimed struct {
	Attempt          int // 1 the first time
	Deadline         time.Time
	Ack, Nack, Renew string // absolute URLs
}

// The relations of the links that a claimed entry has.
const (
	RelAck   = "urn:atommq:ack"
	RelNack  = "urn:atommq:nack"
	RelRenew = "urn:atommq:renew"
)

// AppendClaimed is AppendMember with an element claim, and links that settle it, behind what else
// the server manages.
func AppendClaimed(dst []byte, m *Member, f *Feed, collection string, c *Claimed) []byte {
	prefix, inner := rootTag(m.XML)
	w := writer{dst: append(dst, m.XML[:inner]...), prefix: prefix}
	w.managed(m, f, collection)
	w.raw(`<mq:claim xmlns:mq="` + NamespaceMQ + `" attempt="` + strconv.Itoa(c.Attempt) + `" deadline="`)
	w.dst = appendTime(w.dst, c.Deadline)
	w.raw(`"/>`)
	w.link(RelAck, "", c.Ack)
	w.link(RelNack, "", c.Nack)
	w.link(RelRenew, "", c.Renew)
	w.dst = append(w.dst, m.XML[inner:]...)
	return w.dst
}
