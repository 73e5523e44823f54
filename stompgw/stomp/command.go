package stomp

// Command is the first line of a frame.
type Command uint8

// The commands of all versions, in the protocol's own spelling. The zero Command is none.
const (
	CONNECT Command = iota + 1
	STOMP           // CONNECT's other name since 1.1
	SEND
	SUBSCRIBE
	UNSUBSCRIBE
	ACK
	NACK // since 1.1
	BEGIN
	COMMIT
	ABORT
	DISCONNECT

	// What a server sends.
	CONNECTED
	MESSAGE
	RECEIPT
	ERROR
)

// longestCommand is the length of UNSUBSCRIBE.
const longestCommand = 11

func (c Command) String() string {
	return [...]string{
		"", "CONNECT", "STOMP", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK",
		"BEGIN", "COMMIT", "ABORT", "DISCONNECT", "CONNECTED", "MESSAGE", "RECEIPT", "ERROR",
	}[c]
}

// handshake tells the frames that open a connection. They are written before the
// versions are settled, and so are never escaped (1.2, "Value Encoding").
func (c Command) handshake() bool { return c == CONNECT || c == STOMP || c == CONNECTED }

// parseCommand returns 0 for a line that is no command. Case matters.
func parseCommand(line []byte) Command {
	switch string(line) {
	case "CONNECT":
		return CONNECT
	case "STOMP":
		return STOMP
	case "SEND":
		return SEND
	case "SUBSCRIBE":
		return SUBSCRIBE
	case "UNSUBSCRIBE":
		return UNSUBSCRIBE
	case "ACK":
		return ACK
	case "NACK":
		return NACK
	case "BEGIN":
		return BEGIN
	case "COMMIT":
		return COMMIT
	case "ABORT":
		return ABORT
	case "DISCONNECT":
		return DISCONNECT
	case "CONNECTED":
		return CONNECTED
	case "MESSAGE":
		return MESSAGE
	case "RECEIPT":
		return RECEIPT
	case "ERROR":
		return ERROR
	}
	return 0
}
