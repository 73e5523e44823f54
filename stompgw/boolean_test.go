package stompgw_test

import "testing"

func TestBooleansCountInAnyCase(t *testing.T) {
	start(t).play(t, connected12+`
	> SUBSCRIBE
	> id:follows
	> destination:/topic/x

	> SEND
	> destination:/topic/x
	> persistent:False
	>
	> passing

	< MESSAGE
	< subscription:follows
	< !Xlastid
	<
	< passing

	> UNSUBSCRIBE
	> id:follows

	> SUBSCRIBE
	> id:look
	> destination:/queue/x
	> browser:True

	< MESSAGE
	< subscription:look
	< browser:end

	> SUBSCRIBE
	> id:work
	> destination:/queue/x
	> browser:FALSE

	> SEND
	> destination:/queue/x
	> persistent:TRUE
	>
	> kept

	< MESSAGE
	< subscription:work
	<
	< kept
	`)
}

func TestWhatIsNoBooleanIsAnsweredWithWhatToSend(t *testing.T) {
	g := start(t)
	for _, c := range []struct{ name, frame, message, detail string }{
		{"browser", "SUBSCRIBE\nid:1\ndestination:/queue/x\nbrowser:1", `browser "1" is neither true nor false`, "send browser:true or browser:false"},
		{"persistent", "SEND\ndestination:/topic/x\npersistent:no", `persistent "no" is neither true nor false`, "send persistent:true or persistent:false"},
		{"empty", "SEND\ndestination:/topic/x\npersistent:", `persistent "" is neither true nor false`, "send persistent:true or persistent:false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := g.connect(t, "1.2")
			conn.send(c.frame + "\n\n\x00")
			f := conn.next()
			if header(f, "message") != c.message || string(f.Body) != c.message+".\n"+c.detail+".\n" {
				t.Errorf("got %s", show(f))
			}
			conn.expectEnd()
		})
	}
}
