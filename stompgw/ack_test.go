package stompgw_test

import "testing"

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
