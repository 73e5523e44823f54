package stompgw

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

// sender is what SEND frames use again and again.
type sender struct {
	to      destination
	message feeds.Message
	trace   feeds.Trace
	texts   strings.Builder // one string of its headers' names and values, of which each is a part
	room    int             // that the texts may need
}

// keptFields is how much memory for headers a connection keeps.
const keptFields = 32

// forget lets go of what the message points to.
func (s *sender) forget() {
	header := s.message.Header
	if clear(header); cap(header) > keptFields {
		header = nil
	}
	s.message = feeds.Message{Header: header[:0]}
	s.trace = feeds.Trace{}
	s.texts.Reset()
}

// keep copies text, once and without moving what it kept before.
func (s *sender) keep(text []byte) string {
	from := s.texts.Len()
	if from == 0 {
		s.texts.Grow(s.room)
	}
	s.texts.Write(text)
	return s.texts.String()[from:]
}

// setTrace takes the traceparent and the tracestate of a frame: the first ones count. Those that
// are none are dropped.
func (s *sender) setTrace(f *stomp.Frame, parent []byte) {
	if s.trace.Parent == "" && feeds.IsTrace(string(parent)) {
		state, _ := f.Get(feeds.HeaderTraceState)
		s.trace = feeds.NewTrace(string(parent), string(state)) // which outlives the frame
	}
}

// addTrace puts the trace among the headers of a message that does not become an entry.
func (s *sender) addTrace() {
	for _, f := range [...]feeds.Field{{Name: feeds.HeaderTrace, Value: s.trace.Parent}, {Name: feeds.HeaderTraceState, Value: s.trace.State}} {
		if f.Value != "" {
			s.message.Header = append(s.message.Header, f)
		}
	}
}

// send is a SEND frame taken apart.
type send struct {
	to       destination
	key      string
	group    string
	priority bus.Priority
	timeout  time.Duration
	expires  time.Time
	fleeting bool // persistent:false
}

func (c *conn) handleSend(ctx context.Context, f *stomp.Frame, r receipt) error {
	if err := c.pay(ctx, bus.LimitRequests, 1); err != nil {
		return err
	}
	to, err := c.sendDestination(f)
	if err != nil {
		return err
	}
	if to.kind == toControl {
		return c.handleControl(ctx, to.name, f, r)
	}
	temp, err := c.permitSend(ctx, to)
	if err != nil {
		return err
	}
	if err := c.checkName(ctx, to); err != nil {
		return err
	}
	if err := c.pay(ctx, bus.LimitBytes, f.Bytes()); err != nil {
		return err
	}
	t, err := c.transactionOf(f)
	if err != nil {
		return err
	}
	s, err := parseSend(f)
	if err != nil {
		return err
	}
	if s.fleeting && s.key != "" && to.kind == toTopic {
		return faultf("leave one of the two out", "Idempotency-Key with persistent:false: what is not stored cannot be known again")
	}
	if s.to = to; temp == bus.TempGone {
		return c.dropAnswer(ctx, to.name, r)
	} else if temp == bus.TempLive {
		s.group = "" // it has one queue
	}
	defer c.sender.forget()
	m, size, err := c.message(ctx, f)
	if err != nil {
		return err
	}
	if s.fleeting && to.kind == toTopic {
		c.sender.addTrace()
		return c.broadcast(ctx, s, t, m, size, r)
	}
	return c.publish(ctx, s, t, m, size, r)
}

// sendDestination returns where a SEND goes. Most go where the one before went.
func (c *conn) sendDestination(f *stomp.Frame) (destination, error) {
	text, found := f.Get("destination")
	if !found {
		return destination{}, faultf(destinationForms, "SEND without destination")
	}
	if c.sender.to.text == string(text) {
		return c.sender.to, nil
	}
	to, err := parseDestination(text)
	if err != nil || to.kind == toControl {
		return to, err
	}
	if err := to.checkFeed(); err != nil {
		return to, err
	}
	switch {
	case to.kind == toTopic && to.isWild():
		return to, faultf("send to one topic", "destination %s names all topics that begin so", quote(text))
	case to.kind == toQueue && to.isWild():
		return to, faultf("send to one queue by its name", "destination %s: queues have no wildcards", quote(text))
	}
	c.sender.to = to
	return to, nil
}

// parseSend takes the headers that say what becomes of the message.
func parseSend(f *stomp.Frame) (s send, err error) {
	if group, found := f.Get("group"); found {
		s.group = string(group)
	}
	if value, found := f.Get("priority"); found {
		if s.priority, err = parsePriority(value); err != nil {
			return s, err
		}
	}
	if value, found := f.Get("ack-timeout"); found {
		if s.timeout, err = parseAckTimeout(value); err != nil {
			return s, err
		}
	}
	if s.expires, err = expiryOf(f, time.Now()); err != nil {
		return s, err
	}
	if err := checkSchedule(f); err != nil {
		return s, err
	}
	persistent, err := parseBoolean(f, "persistent", true)
	if err != nil {
		return s, err
	}
	s.fleeting = !persistent
	s.key, err = idempotencyKey(f)
	return s, err
}

// idempotencyKey returns the value of a header that HTTP, where it comes from, takes in any case.
func idempotencyKey(f *stomp.Frame) (string, error) {
	for _, field := range f.Fields {
		if isIdempotencyKey(field.Name) {
			return parseKey(field.Value)
		}
	}
	return "", nil
}

func isIdempotencyKey[T string | []byte](name T) bool {
	const key = "Idempotency-Key"
	return len(name) == len(key) && strings.EqualFold(string(name), key)
}

func parsePriority(value []byte) (bus.Priority, error) {
	if len(value) != 1 || value[0] < '0' || value[0] > '9' {
		return 0, faultf("send 0 to 9; the default is 4, and 9 goes first", "priority %s is none", quote(value))
	}
	return bus.PriorityOf(int(value[0] - '0')), nil
}

// parseAckTimeout takes a number of seconds. 0 asks for none.
func parseAckTimeout(value []byte) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || !(seconds >= 0 && seconds <= bus.LongestAckTimeout.Seconds()) {
		return 0, faultf("send seconds, such as ack-timeout:2.5, at most a year", "ack-timeout %s is no time", quote(value))
	}
	if seconds == 0 {
		return 0, nil
	}
	return max(time.Duration(seconds*float64(time.Second)), bus.ShortestAckTimeout), nil
}

// expiryOf returns the time from which on nobody gets the message: what expires says or, without it,
// RabbitMQ's expiration.
func expiryOf(f *stomp.Frame, now time.Time) (time.Time, error) {
	if value, found := f.Get(headerExpires); found {
		return parseExpires(value)
	}
	value, found := f.Get(headerExpiration)
	if !found {
		return time.Time{}, nil
	}
	ms, ok := timeToLive(string(value))
	if !ok {
		return time.Time{}, faultf("send the milliseconds that the message is good for, 1 or more, or expires", "expiration %s is no time", quote(value))
	}
	return now.Add(time.Duration(ms) * time.Millisecond).UTC(), nil
}

// timeToLive takes milliseconds, 1 to some hundred years.
func timeToLive(value string) (ms int64, ok bool) {
	ms, err := strconv.ParseInt(value, 10, 64)
	return ms, err == nil && 0 < ms && ms < math.MaxInt64/2_000_000
}

// parseExpires takes milliseconds since 1970; 0 is never. What has expired before it came is a
// message like others, which nobody gets: its sender's clock may be slow. Seconds, taken for
// milliseconds, would all be in the past, and the message lost.
func parseExpires(value []byte) (time.Time, error) {
	ms, err := strconv.ParseInt(string(value), 10, 64)
	const year1973 = 100_000_000_000
	const form = "send milliseconds since 1970, UTC, or 0 for never"
	switch {
	case err != nil || ms < 0:
		return time.Time{}, faultf(form, "expires %s is no time", quote(value))
	case ms == 0 || ms > math.MaxInt64/2_000_000: // beyond the 23rd century
		return time.Time{}, nil
	case ms < year1973:
		return time.Time{}, faultf(form, "expires %s looks like seconds", quote(value))
	}
	return time.UnixMilli(ms).UTC(), nil
}

// parseKey takes an idempotency key.
func parseKey(value []byte) (string, error) {
	key := string(value)
	if err := bus.CheckKey(key); err != nil {
		return "", faultf("send 1 to 255 bytes of printable ASCII, a new uuid for instance", "Idempotency-Key %v", err)
	}
	return key, nil
}

// message makes the message of a SEND, which is valid until sender.forget, and returns the size of the frame.
func (c *conn) message(ctx context.Context, f *stomp.Frame) (*feeds.Message, int, error) {
	own := &c.sender
	own.room = 0
	for _, field := range f.Fields {
		own.room += len(field.Name) + len(field.Value)
		if string(field.Name) == feeds.HeaderTrace {
			own.setTrace(f, field.Value)
		}
	}
	m := &own.message
	m.Body = f.Body
	typed := false
	for _, field := range f.Fields {
		switch {
		case string(field.Name) == "content-type":
			if !typed { // else it would be the server's header, with another value
				m.Type, typed = own.keep(field.Value), true
			}
		case transports(field.Name):
		case string(field.Name) == feeds.HeaderTrace, string(field.Name) == feeds.HeaderTraceState && own.trace.Parent != "":
			// own.trace has them
		case string(field.Name) == "reply-to" && bytes.HasPrefix(field.Value, []byte(tempQueuePrefix)):
			address, err := c.replyAddress(ctx, field.Value)
			if err != nil {
				return nil, 0, err
			}
			m.Header = append(m.Header, feeds.Field{Name: own.keep(field.Name), Value: address})
		case string(field.Name) == "reply-to" && bytes.HasPrefix(field.Value, []byte(tempTopicPrefix)):
			return nil, 0, noTempTopics(field.Value)
		default:
			m.Header = append(m.Header, feeds.Field{Name: own.keep(field.Name), Value: own.keep(field.Value)})
		}
	}
	return m, own.room + len(f.Body), checkText(m)
}

// checkText refuses the text that HTTP refuses, before memory is taken for all that XML makes of it.
func checkText(m *feeds.Message) error {
	if m.IsOverlong() {
		return faultf("send it in parts, or with content-type:application/octet-stream",
			"the text takes more than %d bytes once it is escaped", feeds.MaxText)
	}
	return nil
}

// transports tells the headers that belong to the frame and not to the message: those that
// SEND uses up, and those that a server gives a MESSAGE.
func transports[T string | []byte](name T) bool {
	switch string(name) {
	case "destination", "content-length", "receipt", "transaction",
		"message-id", "subscription", "ack", "redelivered", "attempts", "Xlastid", "browser", "deleted":
		return true
	}
	return isIdempotencyKey(name)
}

// publish stores a message.
func (c *conn) publish(ctx context.Context, s send, t *transaction, m *feeds.Message, size int, r receipt) error {
	e, err := feeds.ComposeMessage("", m)
	if err != nil {
		return err
	}
	e.Trace = c.sender.trace
	size = max(size+frameOverhead, cap(e.XML))
	post := bus.Post{Entry: e, Key: s.key, Priority: s.priority, AckTimeout: s.timeout, Expires: s.expires}
	if post.Feed, post.Queue, err = c.addressee(ctx, &s); err != nil {
		return err
	}
	if t != nil {
		if err := c.take(t, 1, size); err != nil {
			return err
		}
		t.posts = append(t.posts, post)
		return c.confirm(ctx, r)
	}
	if err := c.makeFeed(ctx, post.Feed); err != nil {
		return err
	}
	o := &operation{receipt: r, size: size}
	o.post[0] = post
	o.Posts = o.post[:]
	c.add(ctx, o)
	return nil
}

// addressee returns the feed that a message goes to, and the queue that it begins there, if it does.
func (c *conn) addressee(ctx context.Context, s *send) (feed, queue string, err error) {
	switch s.to.kind {
	case toQueue:
		queue, err = queueName(s.group)
		return s.to.name, queue, err
	case toTempQueue:
		temp, err := c.tempQueue(ctx, s.to)
		if err != nil {
			return "", "", err
		}
		return temp.feed, bus.DefaultQueue, nil
	}
	return s.to.name, "", nil
}

// queueName returns the name of the queue that a header group asks for.
func queueName(group string) (string, error) {
	if group == "" {
		return bus.DefaultQueue, nil
	}
	if err := feeds.CheckName(group); err != nil {
		return "", faultf("name a group as a feed is named", "group %s is no name of a queue", quote([]byte(group)))
	}
	return group, nil
}

// broadcast brings a message to those who are subscribed now, and does not store it.
func (c *conn) broadcast(ctx context.Context, s send, t *transaction, m *feeds.Message, size int, r receipt) error {
	if t != nil {
		if err := c.take(t, 1, size+frameOverhead); err != nil {
			return err
		}
		t.casts = append(t.casts, cast{s.to.name, &feeds.Message{
			Type: m.Type, Header: slices.Clone(m.Header), Body: bytes.Clone(m.Body),
		}})
		return c.confirm(ctx, r)
	}
	// What the client sent before comes before.
	if err := c.settle(ctx); err != nil {
		return err
	}
	if err := c.server.topics.broadcast(ctx, s.to.name, m); err != nil {
		return err
	}
	c.answer(r)
	return nil
}
