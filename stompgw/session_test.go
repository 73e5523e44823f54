package stompgw_test

import "testing"

func TestSession10(t *testing.T) {
	start(t).play(t, `
	> CONNECT
	> login:anybody
	> passcode:anything

	< CONNECTED
	< session:{session}
	< version:1.0

	> SUBSCRIBE
	> destination: /queue/orders
	> ack: client
	> receipt: subscribed

	< RECEIPT
	< receipt-id:subscribed

	> SEND
	> destination: /queue/orders
	> padded: value
	>
	> hello

	< MESSAGE
	< destination:/queue/orders
	< message-id:{id}
	< padded:value
	< !subscription
	< !ack
	<
	< hello

	> ACK
	> message-id:{id}
	> receipt:acked

	< RECEIPT
	< receipt-id:acked

	> NACK
	> message-id:{id}

	< ERROR
	< message:NACK is no command of STOMP 1.0

	> UNSUBSCRIBE
	> destination:/queue/orders
	> receipt:gone

	< RECEIPT
	< receipt-id:gone

	> DISCONNECT

	<EOF
	`)
}

func TestSession11(t *testing.T) {
	start(t).play(t, `
	> STOMP
	> accept-version:1.0,1.1
	> host:example.org

	< CONNECTED
	< version:1.1

	> SUBSCRIBE
	> id:s
	> destination:/queue/orders
	> ack:client-individual

	> SEND
	> destination:/queue/orders
	> colour:blue\cgreen
	>
	> hello

	< MESSAGE
	< subscription:s
	< message-id:{id}
	< colour:blue:green
	< !ack
	<
	< hello

	> NACK
	> message-id:{id}
	> subscription:s

	< MESSAGE
	< message-id:{id}
	< redelivered:true
	< attempts:2
	<
	< hello

	> ACK
	> message-id:{id}
	> subscription:s
	> receipt:acked

	< RECEIPT
	< receipt-id:acked

	> DISCONNECT
	> receipt:bye

	< RECEIPT
	< receipt-id:bye

	<EOF
	`)
}

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
	> colour:red
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
