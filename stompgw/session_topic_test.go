package stompgw_test

import (
	"strings"
	"testing"
)

func TestTopicsInASession(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"from the RECEIPT on", `
			> SEND
			> destination:/topic/x
			> receipt:1
			>
			> before

			< RECEIPT

			> SUBSCRIBE
			> id:s
			> destination:/topic/x
			> receipt:2

			< RECEIPT
			< receipt-id:2

			> SEND
			> destination:/topic/x
			>
			> after

			< MESSAGE
			< subscription:s
			< destination:/topic/x
			< Xlastid:2
			< message-id:2
			< !ack
			<
			< after`},
		{"from a cursor", `
			> SEND
			> destination:/topic/x
			>
			> before

			> SUBSCRIBE
			> id:s
			> destination:/topic/x
			> Xlastid:0

			< MESSAGE
			< Xlastid:1
			<
			< before`},
		{"a prefix, and itself", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/ab*
			> receipt:1

			< RECEIPT

			> SEND
			> destination:/topic/abc
			>
			> longer

			< MESSAGE
			< subscription:s
			< destination:/topic/abc
			<
			< longer

			> SEND
			> destination:/topic/ab
			>
			> same

			< MESSAGE
			< destination:/topic/ab
			<
			< same`},
		{"what a queue is sent", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x

			> SEND
			> destination:/queue/x
			>
			> work

			< MESSAGE
			< subscription:s
			< destination:/topic/x
			<
			< work`},
		{"acknowledged", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x
			> ack:client-individual

			> SEND
			> destination:/topic/x

			< MESSAGE
			< ack:{ack}

			> ACK
			> id:{ack}
			> receipt:1

			< RECEIPT
			< receipt-id:1`},
		{"not stored", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x

			> SEND
			> destination:/topic/x
			> persistent:false
			>
			> now

			< MESSAGE
			<
			< now

			> SUBSCRIBE
			> id:all
			> destination:/topic/x
			> Xlastid:0
			> receipt:2

			< RECEIPT
			< receipt-id:2

			> SEND
			> destination:/topic/x
			> receipt:3
			>
			> kept

			< RECEIPT
			< receipt-id:3

			> DISCONNECT
			> receipt:4`},
		{"not stored, in a transaction", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x

			> BEGIN
			> transaction:t

			> SEND
			> destination:/topic/x
			> persistent:false
			> own:header
			> transaction:t
			>
			> now

			> SEND
			> destination:/queue/y
			> transaction:t
			> receipt:1

			< RECEIPT
			< receipt-id:1

			> COMMIT
			> transaction:t

			< MESSAGE
			< own:header
			<
			< now

			> SEND
			> destination:/control/count-msgs/queue/y
			> receipt:3

			< RECEIPT
			< num-messages:1`},
		{"ended", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x

			> UNSUBSCRIBE
			> id:s

			> SEND
			> destination:/topic/x
			> receipt:1

			< RECEIPT

			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> receipt:2

			< RECEIPT
			< receipt-id:2`},
		{"subscribed to twice", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x

			> SUBSCRIBE
			> id:s
			> destination:/topic/y

			< ERROR
			< message:there is a subscription "s" already

			<EOF`},
		{"an id that a topic has", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x

			> SUBSCRIBE
			> id:s
			> destination:/queue/x

			< ERROR
			< message:there is a subscription "s" already

			<EOF`},
	} {
		t.Run(c.name, func(t *testing.T) { start(t).play(t, connected12+c.script) })
	}
}

// lateAcks play in 1.1 and 1.2: {first} and {second} become the header by which each names a
// message.
var lateAcks = []struct{ name, script string }{
	{"a second time", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x
			> ack:client
			> prefetch:2

			> SEND
			> destination:/topic/x

			< MESSAGE
			< {first}

			> SEND
			> destination:/topic/x

			< MESSAGE
			< {second}

			> ACK
			> subscription:s
			> {second}

			> ACK
			> subscription:s
			> {first}`},
	{"after UNSUBSCRIBE", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x
			> ack:client-individual

			> SEND
			> destination:/topic/x

			< MESSAGE
			< {first}

			> UNSUBSCRIBE
			> id:s

			> ACK
			> subscription:s
			> {first}`},
	{"of what is not stored, after UNSUBSCRIBE", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x
			> ack:client-individual

			> SEND
			> destination:/topic/x
			> persistent:false

			< MESSAGE
			< {first}

			> UNSUBSCRIBE
			> id:s

			> ACK
			> subscription:s
			> {first}`},
}

func TestTopicAckThatComesTooLateIsIgnoredWithoutAReceipt(t *testing.T) {
	for _, version := range []struct{ name, sent, named string }{
		{"1.1", "message-id:", "message-id:"},
		{"1.2", "ack:", "id:"},
	} {
		for _, c := range lateAcks {
			t.Run(version.name+" "+c.name, func(t *testing.T) {
				script := c.script
				for _, message := range []string{"{first}", "{second}"} {
					script = strings.ReplaceAll(script, "< "+message, "< "+version.sent+message)
					script = strings.ReplaceAll(script, "> "+message, "> "+version.named+message)
				}
				start(t).play(t, `
			> CONNECT
			> accept-version:`+version.name+`

			< CONNECTED
			`+script+`

			> SEND
			> destination:/topic/other
			> receipt:on

			< RECEIPT
			< receipt-id:on`)
			})
		}
	}
}
