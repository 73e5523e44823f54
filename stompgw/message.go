package stompgw

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// messages renders entries as MESSAGE frames.
type messages struct {
	bus     *bus.Bus
	baseURL string // that links of whole entries begin with, without a slash at the end
	whole   [3]string
}

func newMessages(b *bus.Bus, baseURL string) messages {
	m := messages{bus: b, baseURL: strings.TrimSuffix(baseURL, "/")}
	for v := range m.whole {
		m.whole[v] = forms[v] + " whole " + m.baseURL
	}
	return m
}

// forms are the keys of the renderings that bus.Entry keeps, by version.
var forms = [3]string{"stomp 1.0", "stomp 1.1", "stomp 1.2"}

// tail returns everything of a MESSAGE that stands behind the headers which differ by subscription
// (subscription, destination, ack, redelivered): the other headers, the body, and what ends the
// frame. It is rendered once for each entry, version and shape; whole asks for the entry itself as
// the body. Callers begin with the command and their headers, which win over the sender's, and must
// not change the result.
func (m *messages) tail(ctx context.Context, e *bus.Entry, v stomp.Version, whole bool) []byte {
	if whole && !e.Deleted {
		return e.Form(m.whole[v], func(member *feeds.Member) []byte { return m.wholeTail(ctx, member, v) })
	}
	return e.Form(forms[v], func(member *feeds.Member) []byte { return messageTail(member, v) })
}

// wholeTail renders the entry as the body.
func (m *messages) wholeTail(ctx context.Context, e *feeds.Member, v stomp.Version) []byte {
	feed := &feeds.Feed{Name: e.Feed}
	if f, err := m.bus.Feed(ctx, e.Feed); err == nil { // it may have gone since: then the entry's author is its name
		feed = &f.Feed
	}
	msg := &feeds.Message{
		Type: typeEntry,
		Body: feeds.AppendDocument(nil, e, feed, m.baseURL+feeds.Path(e.Feed)),
	}
	if at, ok := expiry(e, sentWith(e)); ok {
		msg.Header = []feeds.Field{{Name: headerExpires, Value: strconv.FormatInt(at, 10)}}
	}
	return appendMessage(nil, v, e, msg)
}

// messageTail renders the message that an entry carries; a tombstone carries none.
func messageTail(e *feeds.Member, v stomp.Version) []byte {
	return appendMessage(nil, v, e, sentWith(e))
}

func sentWith(e *feeds.Member) *feeds.Message {
	if e.Deleted {
		return &feeds.Message{}
	}
	m, err := feeds.MessageOf(e)
	if err != nil {
		// What was taken in can be read. Should it not, that one entry must not end the following of its feed.
		return &feeds.Message{Type: typeEntry, Body: e.XML}
	}
	return m
}

const typeEntry = "application/atom+xml;type=entry"

// Headers of MESSAGE that are more than passed through.
const (
	headerExpires    = "expires"    // milliseconds since 1970; from then on nobody gets the message. 0 is never
	headerExpiration = "expiration" // RabbitMQ's: how many milliseconds after its publishing it expires, where expires does not say
	headerTimestamp  = "timestamp"  // milliseconds since 1970 of the last change; unless the sender gave one
	headerUUID       = "uuid"       // of the entry, for its URL; unless the sender gave one
)

// isOurs tells the headers that a MESSAGE has from the server, so that a sender's are left out. An
// entry posted over HTTP may have any.
func isOurs(name string) bool {
	return name == "content-type" || name == headerExpires || transports(name)
}

// appendMessage appends the tail. When there is an expiry, it comes first, where expired looks for
// it. Of repeated headers the first counts (1.2, "Repeated Header Entries"), so those of the server
// come before the sender's.
func appendMessage(dst []byte, v stomp.Version, e *feeds.Member, m *feeds.Message) []byte {
	dst = slices.Grow(dst, tailRoom(m))
	if at, ok := expiry(e, m); ok {
		dst = stomp.AppendHeaderInt(dst, v, headerExpires, at)
	}
	if e.ID == 0 {
		dst = stomp.AppendHeader(dst, v, "message-id", e.UUID)
	} else {
		dst = stomp.AppendHeaderInt(dst, v, "message-id", e.ID)
		dst = stomp.AppendHeaderInt(dst, v, "Xlastid", e.ID)
	}
	if m.Type != "" {
		dst = stomp.AppendHeader(dst, v, "content-type", m.Type)
	}
	if e.Deleted {
		dst = stomp.AppendHeader(dst, v, "deleted", "true")
	}
	stamped, named := false, false
	for i := range m.Header {
		h := &m.Header[i]
		if !isOurs(h.Name) {
			dst = stomp.AppendHeader(dst, v, h.Name, h.Value)
		}
		stamped = stamped || h.Name == headerTimestamp
		named = named || h.Name == headerUUID
	}
	if !stamped {
		dst = stomp.AppendHeaderInt(dst, v, headerTimestamp, e.Edited.UnixMilli())
	}
	if !named {
		dst = stomp.AppendHeader(dst, v, headerUUID, e.UUID)
	}
	return stomp.AppendBody(dst, m.Body)
}

// tailRoom is how many bytes a tail will usually take.
func tailRoom(m *feeds.Message) int {
	n := 192 + len(m.Type) + len(m.Body)
	for i := range m.Header {
		n += len(m.Header[i].Name) + len(m.Header[i].Value) + 4
	}
	return n
}

// expiry returns the time from which on a message is not delivered, in milliseconds since 1970. A
// dead letter has none: it only tells that of the message that it was made of.
func expiry(e *feeds.Member, m *feeds.Message) (at int64, ok bool) {
	if bus.IsDeadFeed(e.Feed) && len(m.Header) > 0 && m.Header[0].Name == bus.DeadCause {
		return 0, false
	}
	if value, found := headerOf(m, headerExpires); found {
		at, err := strconv.ParseInt(value, 10, 64)
		return at, err == nil && at > 0
	}
	// It is counted from here, and not when it comes in: so it is the same message when it is sent again.
	if value, found := headerOf(m, headerExpiration); found {
		ms, ok := timeToLive(value)
		return e.Published.UnixMilli() + ms, ok
	}
	return 0, false
}

// headerOf returns the first of a message's headers that has this name.
func headerOf(m *feeds.Message, name string) (value string, found bool) {
	for i := range m.Header {
		if h := &m.Header[i]; h.Name == name {
			return h.Value, true
		}
	}
	return "", false
}

// expired reports whether the message with this tail must not be delivered any more.
func expired(tail []byte, now time.Time) bool {
	rest, ok := bytes.CutPrefix(tail, []byte(headerExpires+":"))
	if !ok {
		return false
	}
	digits, _, _ := bytes.Cut(rest, []byte("\n"))
	at, err := strconv.ParseInt(string(digits), 10, 64)
	return err == nil && at <= now.UnixMilli()
}
