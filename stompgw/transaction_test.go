package stompgw_test

import (
	"testing"

	"atommq/stompgw"
)

func TestTransactionIsDoneWholeOrNotAtAll(t *testing.T) {
	const begun = connected12 + `
	> SEND
	> destination:/queue/x
	>
	> work

	> SUBSCRIBE
	> id:s
	> destination:/queue/x
	> ack:client-individual

	< MESSAGE
	< ack:{work}
	<
	< work

	> BEGIN
	> transaction:t
	> receipt:begun

	< RECEIPT
	< receipt-id:begun

	> SEND
	> destination:/queue/y
	> transaction:t
	> receipt:taken
	>
	> result

	< RECEIPT
	< receipt-id:taken

	> ACK
	> id:{work}
	> transaction:t

	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:x

	< RECEIPT
	< num-messages:1

	> SEND
	> destination:/control/count-msgs/queue/y
	> receipt:y

	< RECEIPT
	< num-messages:0
	`
	const counted = `
	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:x

	< RECEIPT
	< receipt-id:x
	< num-messages:{x}

	> SEND
	> destination:/control/count-msgs/queue/y
	> receipt:y

	< RECEIPT
	< receipt-id:y
	< num-messages:`
	for _, c := range []struct{ name, script string }{
		{"COMMIT", `
			> COMMIT
			> transaction:t
			> receipt:done

			< RECEIPT
			< receipt-id:done
			` + counted + `1

			> SEND
			> destination:/control/count-msgs/queue/x
			> receipt:x

			< RECEIPT
			< num-messages:0`},
		{"ABORT", `
			> ABORT
			> transaction:t
			> receipt:done

			< RECEIPT
			< receipt-id:done
			` + counted + `0

			> ACK
			> id:{work}
			> receipt:still

			< RECEIPT
			< receipt-id:still`},
		{"DISCONNECT aborts", `
			> DISCONNECT
			> receipt:bye

			< RECEIPT

			<EOF

			other> CONNECT

			other< CONNECTED

			other> SEND
			other> destination:/control/count-msgs/queue/y
			other> receipt:y

			other< RECEIPT
			other< num-messages:0`},
		{"COMMIT with a claim that is lost", `
			> UNSUBSCRIBE
			> id:s

			> COMMIT
			> transaction:t
			> receipt:done

			< ERROR
			< receipt-id:done
			< message:claim is no longer held

			<EOF

			other> CONNECT

			other< CONNECTED

			other> SEND
			other> destination:/control/count-msgs/queue/y
			other> receipt:y

			other< RECEIPT
			other< num-messages:0`},
		{"COMMIT with NACK", `
			> COMMIT
			> transaction:t

			> SEND
			> destination:/queue/x
			>
			> more

			< MESSAGE
			< ack:{more}
			< …

			> BEGIN
			> transaction:t

			> NACK
			> id:{more}
			> transaction:t

			> COMMIT
			> transaction:t

			< MESSAGE
			< redelivered:true
			<
			< more`},
	} {
		t.Run(c.name, func(t *testing.T) { start(t).play(t, begun+c.script) })
	}
}

func TestWhatATransactionAcknowledgesIsAsBeforeAfterABORTWhateverWasAcknowledgedMeanwhile(t *testing.T) {
	start(t).play(t, connected12+`
	> SUBSCRIBE
	> id:s
	> destination:/queue/x
	> ack:client

	> SEND
	> destination:/queue/x
	>
	> one

	< MESSAGE
	< ack:{one}
	<
	< one

	> SEND
	> destination:/queue/x
	>
	> two

	< MESSAGE
	< ack:{two}
	<
	< two

	> BEGIN
	> transaction:t

	> ACK
	> id:{one}
	> transaction:t

	> ACK
	> id:{two}
	> receipt:two

	< RECEIPT
	< receipt-id:two

	> ABORT
	> transaction:t

	> NACK
	> id:{one}

	< MESSAGE
	< redelivered:true
	<
	< one
	`)
}

func TestTransactionsThatAreNotOpen(t *testing.T) {
	g := start(t, func(s *stompgw.Server) {
		s.MaxTransactions = 2
		s.TransactionFrames = 2
		s.TransactionBytes = 2000
	})
	for _, c := range []struct{ name, script string }{
		{"BEGIN twice", `
			> BEGIN
			> transaction:t

			> BEGIN
			> transaction:t
			> receipt:r

			< ERROR
			< receipt-id:r
			< message:transaction "t" is open already

			<EOF`},
		{"BEGIN without a name", `
			> BEGIN

			< ERROR
			< message:BEGIN without transaction

			<EOF`},
		{"COMMIT without a name", `
			> COMMIT

			< ERROR
			< message:COMMIT without transaction

			<EOF`},
		{"COMMIT of none", `
			> COMMIT
			> transaction:t

			< ERROR
			< message:no transaction "t" is open

			<EOF`},
		{"ABORT of none", `
			> ABORT
			> transaction:t

			< ERROR
			< message:no transaction "t" is open

			<EOF`},
		{"too many", `
			> BEGIN
			> transaction:1

			> BEGIN
			> transaction:2

			> BEGIN
			> transaction:3

			< ERROR
			< message:the connection has its 2 transactions open

			<EOF`},
		{"too many frames", `
			> BEGIN
			> transaction:1

			> SEND
			> destination:/queue/a
			> transaction:1

			> SEND
			> destination:/queue/a
			> transaction:1

			> SEND
			> destination:/queue/a
			> transaction:1

			< ERROR
			< message:open transactions pass the limit of 2 frames and acknowledged messages

			<EOF`},
		{"an empty one", `
			> BEGIN
			> transaction:1

			> COMMIT
			> transaction:1
			> receipt:r

			< RECEIPT
			< receipt-id:r`},
	} {
		t.Run(c.name, func(t *testing.T) { g.play(t, connected12+c.script) })
	}
}

func TestTransactionOf10IsNotCommittedWithoutAFrameThatFailed(t *testing.T) {
	start(t).play(t, `
	> CONNECT

	< CONNECTED

	> BEGIN
	> transaction:t

	> SEND
	> destination:/queue/x
	> transaction:t

	> SEND
	> destination:nowhere
	> transaction:t

	< ERROR
	< message:destination "nowhere" is none that this server knows

	> COMMIT
	> transaction:t
	> receipt:r

	< ERROR
	< receipt-id:r
	< message:a frame of the transaction failed: destination "nowhere" is none that this server knows

	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:x

	< RECEIPT
	< num-messages:0
	`)
}
