package stompgw_test

import "testing"

func TestAckOfWhatIsNotHeldSaysWhy(t *testing.T) {
	const sent = `

	> SEND
	> destination:/queue/x
	>
	> a
	`
	for _, c := range []struct{ name, version, script string }{
		{"acknowledged before", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x
			> ack:client-individual` + sent + `
			< MESSAGE
			< ack:{ack}
			<
			< a

			> ACK
			> id:{ack}

			> ACK
			> id:{ack}
			> receipt:again

			< ERROR
			< receipt-id:again
			<
			< claim is no longer held.
			< it was acknowledged before, or its ack timeout passed, or its subscription ended; in the last two cases it goes to another consumer: treat it as not done, acknowledge sooner, or subscribe with a longer ack-timeout.
			<

			<EOF`},
		{"by message-id in 1.2", "1.2", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x` + sent + `
			< MESSAGE
			< message-id:{id}
			<
			< a

			> ACK
			> id:{id}

			< ERROR
			< message:id "1" is a message-id
			<
			< id "1" is a message-id.
			< send the value of the MESSAGE's ack header as id; if it has none, its subscription is ack:auto, and there is nothing to acknowledge.
			<

			<EOF`},
		{"of a queue with ack:auto", "1.1", `
			> SUBSCRIBE
			> id:s
			> destination:/queue/x` + sent + `
			< MESSAGE
			< message-id:{id}
			<
			< a

			> ACK
			> subscription:s
			> message-id:{id}
			> receipt:r

			< ERROR
			< receipt-id:r
			< message:subscription "s" is ack:auto: there is nothing to acknowledge

			<EOF`},
		{"of a topic with ack:auto", "1.1", `
			> SUBSCRIBE
			> id:s
			> destination:/topic/x` + sent + `
			< MESSAGE
			< message-id:{id}
			<
			< a

			> NACK
			> subscription:s
			> message-id:{id}
			> receipt:r

			< ERROR
			< receipt-id:r
			< message:subscription "s" is ack:auto: there is nothing to acknowledge

			<EOF`},
	} {
		t.Run(c.name, func(t *testing.T) {
			start(t).play(t, "> CONNECT\n> accept-version:"+c.version+"\n\n< CONNECTED\n\n"+c.script)
		})
	}
}
