package stompgw_test

import (
	"strings"
	"testing"
)

const counts = `

	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:count

	< RECEIPT
	< receipt-id:count
	< num-messages:`

const threeSent = `
	> SEND
	> destination:/queue/x
	>
	> a

	> SEND
	> destination:/queue/x
	>
	> b

	> SEND
	> destination:/queue/x
	> receipt:sent
	>
	> c

	< RECEIPT
`

func TestAckModesDoAsEachVersionSays(t *testing.T) {
	for _, c := range []struct{ name, version, script string }{
		{"1.2 auto", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x

			< MESSAGE
			< !ack
			< …

			< MESSAGE
			< …

			< MESSAGE
			< …

			> UNSUBSCRIBE
			> id:s
			> receipt:1

			< RECEIPT

			> DISCONNECT
			> receipt:2

			< RECEIPT

			<EOF

			again> CONNECT
			again> accept-version:1.2

			again< CONNECTED

			again> SEND
			again> destination:/control/count-msgs/queue/x
			again> receipt:3

			again< RECEIPT
			again< num-messages:0`},
		{"1.2 client is cumulative", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client

			< MESSAGE
			< …

			< MESSAGE
			< ack:{second}
			< …

			< MESSAGE
			< …

			> ACK
			> id:{second}
			> receipt:1

			< RECEIPT` + counts + `1`},
		{"1.2 client-individual", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client-individual

			< MESSAGE
			< …

			< MESSAGE
			< ack:{second}
			< …

			< MESSAGE
			< …

			> ACK
			> id:{second}
			> receipt:1

			< RECEIPT` + counts + `2`},
		{"1.2 NACK is cumulative in client", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client

			< MESSAGE
			< …

			< MESSAGE
			< ack:{second}
			< …

			< MESSAGE
			< …

			> NACK
			> id:{second}

			< MESSAGE
			< redelivered:true
			< attempts:2
			<
			< a

			< MESSAGE
			< redelivered:true
			< ack:{again}
			<
			< b

			> ACK
			> id:{again}
			> receipt:1

			< RECEIPT` + counts + `0`},
		{"1.2 needs id", "1.2", `
			> ACK
			> message-id:1
			> receipt:1

			< ERROR
			< message:ACK without id
			< receipt-id:1

			<EOF`},
		{"1.1 needs subscription", "1.1", `
			> ACK
			> message-id:1

			< ERROR
			< message:ACK without subscription

			<EOF`},
		{"1.1 client is cumulative", "1.1", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client

			< MESSAGE
			< …

			< MESSAGE
			< message-id:{second}
			< …

			< MESSAGE
			< …

			> ACK
			> message-id:{second}
			> subscription:s
			> receipt:1

			< RECEIPT` + counts + `1`},
		{"1.0 client is cumulative", "1.0", `
			> SUBSCRIBE
			> destination:/queue/x
			> ack:client

			< MESSAGE
			< …

			< MESSAGE
			< message-id:{second}
			< …

			< MESSAGE
			< …

			> ACK
			> message-id:{second}
			> receipt:1

			< RECEIPT` + counts + `1`},
		{"unknown id", "1.2", `
			> ACK
			> id:nonsense

			< ERROR
			< message:no message "nonsense" was delivered here

			<EOF`},
		{"id of a delivery to come", "1.2", `
			> ACK
			> id:q1

			< ERROR
			< message:no message "q1" was delivered here

			<EOF`},
		{"twice, without a receipt", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client-individual

			< MESSAGE
			< ack:{first}
			< …

			< MESSAGE
			< …

			< MESSAGE
			< …

			> ACK
			> id:{first}

			> ACK
			> id:{first}` + counts + `2

			> ACK
			> id:{first}
			> receipt:2

			< ERROR
			< receipt-id:2
			< message:claim is no longer held

			<EOF`},
		{"after UNSUBSCRIBE", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client-individual
			> prefetch:1

			< MESSAGE
			< ack:{first}
			<
			< a

			> UNSUBSCRIBE
			> id:s

			> ACK
			> id:{first}` + counts + `3

			> SUBSCRIBE
			> id:s
			> destination:/queue/x

			< MESSAGE
			< redelivered:true
			<
			< a`},
		{"a mode there is none", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:sometimes

			< ERROR
			< message:ack mode "sometimes" is none of STOMP 1.2

			<EOF`},
	} {
		t.Run(c.name, func(t *testing.T) {
			start(t).play(t, `
			> CONNECT
			> accept-version:`+c.version+`

			< CONNECTED
			< version:`+c.version+`
			`+threeSent+c.script)
		})
	}
}

func TestClaimsOfAClientThatVanishesGoToOthers(t *testing.T) {
	for _, how := range []string{"FIN", "DISCONNECT\n\tfirst> receipt:1"} {
		t.Run(how[:3], func(t *testing.T) {
			start(t).play(t, `
	first> CONNECT
	first> accept-version:1.2

	first< CONNECTED

	first> SEND
	first> destination:/queue/x
	first> receipt:1

	first< RECEIPT

	first> SUBSCRIBE
	first> id:1
	first> destination:/queue/x
	first> ack:client

	first< MESSAGE
	first< !redelivered

	second> CONNECT
	second> accept-version:1.2

	second< CONNECTED

	second> SUBSCRIBE
	second> id:2
	second> destination:/queue/x
	second> ack:client

	first> `+how+`

	second< MESSAGE
	second< redelivered:true
	second< attempts:2
	`)
		})
	}
}

func TestLostClaimIsToldToThoseWhoAskForAReceipt(t *testing.T) {
	start(t).play(t, connected12+`
	> SEND
	> destination:/queue/x

	> SUBSCRIBE
	> id:s
	> destination:/queue/x
	> ack:client
	> ack-timeout:0.05

	< MESSAGE
	< ack:{first}

	< MESSAGE
	< redelivered:true
	< ack:{second}

	> ACK
	> id:{first}

	> ACK
	> id:{first}
	> receipt:1

	< ERROR
	< receipt-id:1
	< message:claim is no longer held

	<EOF
	`)
}

func TestCumulativeAckSettlesWhatIsHeldBesideWhatIsLost(t *testing.T) {
	start(t).play(t, connected12+`
	> SEND
	> destination:/queue/x
	> ack-timeout:0.05
	>
	> short

	> SEND
	> destination:/queue/x
	>
	> long

	> SUBSCRIBE
	> id:s
	> destination:/queue/x
	> ack:client

	< MESSAGE
	<
	< short

	< MESSAGE
	< ack:{second}
	<
	< long

	< MESSAGE
	< redelivered:true
	<
	< short

	> ACK
	> id:{second}

	> UNSUBSCRIBE
	> id:s`+strings.Replace(counts, "\n\n", "\n\n\t> SUBSCRIBE\n\t> id:all\n\t> destination:/queue/x\n\t> ack:client\n\n\t< MESSAGE\n\t< ack:{last}\n\t<\n\t< short\n\n\t> ACK\n\t> id:{last}\n\n", 1)+`0`)
}

// What was written to a client with ack:auto does not come back, however soon it unsubscribes.
func TestDeliveredInAutoStaysDelivered(t *testing.T) {
	g := start(t)
	for range 50 {
		c := g.connect(t, "1.2")
		c.sendFrame("SEND", "destination:/queue/x")
		c.sendFrame("SUBSCRIBE", "id:s", "destination:/queue/x")
		if f := c.next(); header(f, "redelivered") != "" {
			t.Fatalf("got %s", show(f))
		}
		c.sendFrame("UNSUBSCRIBE", "id:s")
		c.sendFrame("DISCONNECT", "receipt:1")
		if f := c.next(); header(f, "receipt-id") != "1" {
			t.Fatalf("got %s", show(f))
		}
	}
}
