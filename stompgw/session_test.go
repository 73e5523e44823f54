package stompgw_test

import "testing"

func TestSession12(t *testing.T) {
	start(t).play(t, `
	> CONNECT
	> accept-version:1.0,1.1,1.2
	> host:example.org

	< CONNECTED
	< version:1.2
	< heart-beat:0,0
	< session:{session}
	< server:AtomMQ

	> SUBSCRIBE
	> id:s
	> destination:/queue/orders
	> ack:client-individual
	> receipt:subscribed

	< RECEIPT
	< receipt-id:subscribed

	> SEND
	> destination:/queue/orders
	> content-type:text/plain
	> colour:blue\cgreen
	> receipt:sent
	>
	> hello

	< RECEIPT
	< receipt-id:sent

	< MESSAGE
	< subscription:s
	< destination:/queue/orders
	< message-id:{id}
	< ack:{ack}
	< content-type:text/plain
	< colour:blue:green
	< !redelivered
	< !receipt
	<
	< hello

	> ACK
	> id:{ack}
	> receipt:acked

	< RECEIPT
	< receipt-id:acked

	> SEND
	> destination:/control/count-msgs/queue/orders
	> receipt:count

	< RECEIPT
	< receipt-id:count
	< num-messages:0

	> UNSUBSCRIBE
	> id:s
	> receipt:gone

	< RECEIPT
	< receipt-id:gone

	> DISCONNECT
	> receipt:bye

	< RECEIPT
	< receipt-id:bye

	<EOF
	`)
}
