package stomp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// reference reads all of sent as the specifications tell it, with no thought of speed,
// memory, or bytes to come. It returns what read would, and false when anything but
// whole frames is in sent.
func reference(sent []byte, v Version, l Limits) (string, bool) {
	var b strings.Builder
	for {
		for len(sent) > 0 && (sent[0] == '\n' || bytes.HasPrefix(sent, []byte("\r\n"))) {
			sent = sent[bytes.IndexByte(sent, '\n')+1:]
		}
		if len(sent) == 0 {
			b.WriteString("= EOF\n")
			return b.String(), true
		}
		rest, ok := referenceFrame(&b, sent, v, l)
		if !ok {
			return b.String(), false
		}
		sent = rest
	}
}

func referenceFrame(b *strings.Builder, sent []byte, v Version, l Limits) (rest []byte, ok bool) {
	var head []string
	crlf := v == V12
	for rest = sent; ; {
		text, after, whole := strings.Cut(string(rest), "\n")
		if !whole {
			return nil, false
		}
		rest = []byte(after)
		if len(head) == 0 {
			command := strings.TrimSuffix(text, "\r")
			crlf = crlf || command != text || strings.Contains(" CONNECT CONNECTED STOMP ", " "+command+" ")
		}
		if crlf || text == "\r" {
			text = strings.TrimSuffix(text, "\r")
		}
		if text == "" {
			break
		}
		head = append(head, text)
	}
	length := len(sent) - len(rest)
	if length > l.HeaderBytes || len(head)-1 > l.Headers || bytes.IndexByte(sent[:length], 0) >= 0 {
		return nil, false
	}
	var h referenceHeaders
	if !h.parse(head, v) {
		return nil, false
	}
	body, rest, ok := h.body(rest)
	if !ok || len(body) > l.BodyBytes {
		return nil, false
	}
	fmt.Fprintf(b, "%s%s  %q\n", head[0]+"\n", h.told, body)
	return rest, true
}

// referenceHeaders are the headers as read tells them, and the first content-length.
type referenceHeaders struct{ told, length string }

func (h *referenceHeaders) parse(head []string, v Version) bool {
	const all = " CONNECT STOMP SEND SUBSCRIBE UNSUBSCRIBE ACK NACK BEGIN COMMIT ABORT DISCONNECT CONNECTED MESSAGE RECEIPT ERROR "
	if !strings.Contains(all, " "+head[0]+" ") || strings.Contains(head[0], " ") {
		return false
	}
	later := head[0] == "STOMP"
	for _, text := range head[1:] {
		later = later || head[0] == "CONNECT" && strings.HasPrefix(text, "accept-version:") ||
			head[0] == "CONNECTED" && strings.HasPrefix(text, "version:")
	}
	handshake := strings.Contains(" CONNECT CONNECTED STOMP ", " "+head[0]+" ")
	counted := false
	for _, text := range head[1:] {
		name, value, ok := strings.Cut(text, ":")
		if !ok || name == "" {
			return false
		}
		if name == "content-length" && !counted {
			counted, h.length = true, value
			if v == V10 {
				h.length = strings.Trim(value, " \t")
			}
			if strings.Trim(h.length, "0123456789") != "" || h.length == "" {
				return false
			}
		}
		if v == V10 && !later {
			value = strings.Trim(value, " \t")
		}
		if v > V10 && !handshake {
			var sane [2]bool
			name, sane[0] = referenceUnescape(name, v)
			value, sane[1] = referenceUnescape(value, v)
			if sane != [2]bool{true, true} {
				return false
			}
		}
		h.told += fmt.Sprintf("  %q: %q\n", name, value)
	}
	return true
}

func (h *referenceHeaders) body(rest []byte) (body, after []byte, ok bool) {
	if h.length == "" {
		return bytes.Cut(rest, []byte{0})
	}
	n, err := strconv.Atoi(h.length)
	if err != nil || n >= len(rest) || rest[n] != 0 {
		return nil, nil, false
	}
	return rest[:n], rest[n+1:], true
}

func referenceUnescape(text string, v Version) (string, bool) {
	parts := strings.Split(text, `\\`) // what is left of backslashes begins another sequence
	for i := range parts {
		parts[i] = strings.NewReplacer(`\n`, "\n", `\c`, ":").Replace(parts[i])
		if v == V12 {
			parts[i] = strings.ReplaceAll(parts[i], `\r`, "\r")
		}
		if strings.Contains(parts[i], `\`) {
			return "", false
		}
	}
	return strings.Join(parts, `\`), true
}
