package stompgw_test

import (
	"strings"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/stompgw/stomp"
)

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

// In 1.0 and 1.1 an ACK names a message, and not which delivery of it.
func TestACumulativeAckTakesNothingThatCameAfterTheMessageFirstDid(t *testing.T) {
	for _, version := range []string{"1.0", "1.1"} {
		g := start(t)
		c := g.connect(t, version)
		c.sendFrame("SEND", "destination:/queue/x", "n:1", "ack-timeout:0.05")
		c.sendFrame("SEND", "destination:/queue/x", "n:2")
		c.sendFrame("SUBSCRIBE", "id:s", "destination:/queue/x", "ack:client")
		first := c.next()
		c.next()
		if f := c.next(); header(f, "n") != "1" || header(f, "redelivered") != "true" {
			t.Fatalf("got %s", show(f))
		}
		// What its client was working on is the first delivery, for all that anybody knows.
		c.sendFrame("ACK", "subscription:s", "message-id:"+header(first, "message-id"))
		c.nc.Close()
		if got := g.redelivered(t); !strings.Contains(got, "2") { // 1 may be among it: its time may be up again
			t.Errorf("%s: after the ACK of the first message, the queue gives %q", version, got)
		}
	}
}

// What passes its ack timeout, however often, takes nothing with it that the same client holds.
func TestMessageIsHeldUntilItsOwnAckTimeoutPasses(t *testing.T) {
	const again = `
	< MESSAGE
	< n:short
	`
	start(t).play(t, connected12+`
	> SUBSCRIBE
	> id:s
	> destination:/queue/x
	> ack:client-individual
	> prefetch:2

	> SEND
	> destination:/queue/x
	> ack-timeout:3600
	> n:long

	< MESSAGE
	< n:long
	< ack:{long}

	> SEND
	> destination:/queue/x
	> ack-timeout:0.02
	> n:short
	`+strings.Repeat(again, bus.DefaultAttempts)+`
	> ACK
	> id:{long}
	> receipt:1

	< RECEIPT
	`)
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

// ACKs that come together are settled together; one that comes too late does not take the others with it.
func TestLateAckLeavesThoseBesideItAlone(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.sendFrame("SEND", "destination:/queue/x", "n:late", "ack-timeout:0.05")
	c.sendFrame("SEND", "destination:/queue/x", "n:1")
	c.sendFrame("SEND", "destination:/queue/x", "n:2")
	c.sendFrame("SUBSCRIBE", "id:s", "destination:/queue/x", "ack:client-individual")
	var acks strings.Builder
	for range 3 {
		acks.WriteString("ACK\nid:" + header(c.next(), "ack") + "\n\n\x00")
	}
	if f := c.next(); header(f, "n") != "late" || header(f, "redelivered") != "true" {
		t.Fatalf("got %s", show(f))
	}
	acks.WriteString("SEND\ndestination:/control/count-msgs/queue/x\nreceipt:count\n\n\x00")
	c.send(acks.String())
	f := c.next()
	for header(f, "n") == "late" { // its time may be up again
		f = c.next()
	}
	if header(f, "num-messages") != "1" {
		t.Errorf("got %s", show(f))
	}
}

func TestWhoHoldsMessagesIsToldThatTheServerWasCutOff(t *testing.T) {
	memory := new(bustest.Memory)
	g := serveMemory(t, memory)
	holder, idle := g.connect(t, "1.0"), g.connect(t, "1.2")
	idle.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/y", "receipt:1")
	idle.next()
	holder.sendFrame("SUBSCRIBE", "destination:/queue/x", "ack:client")
	holder.sendFrame("SEND", "destination:/queue/x")
	if f := holder.next(); f.Command != stomp.MESSAGE {
		t.Fatalf("got %s", show(f))
	}
	memory.CutOff(1)
	f := holder.next()
	if f.Command != stomp.ERROR || header(f, "message") != "the server lost touch with its database" {
		t.Errorf("got %s", show(f))
	}
	holder.expectEnd()
	idle.sendFrame("SUBSCRIBE", "id:2", "destination:/queue/x", "ack:client")
	if f := idle.next(); f.Command != stomp.MESSAGE || header(f, "redelivered") != "true" {
		t.Errorf("got %s, want what the other one held", show(f))
	}
}
