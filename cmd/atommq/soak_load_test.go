package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

const (
	soakEnd    = "the end"
	soakJob    = "job "
	soakPoison = " is poison" // ends the jobs that nobody can do
)

// Who writes has each of its requests answered before it ends: so what is there in the end is known exactly.

// publish posts to the log until ctx ends.
func (s *soak) publish(ctx context.Context, head, name string) {
	c := newSoakClient(head, s.soakJudge)
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("%s/%d", name, i)
		s.log.add(text, c.insist(s.t.Context(), "/feeds/log", text))
		soakPause(ctx)
	}
}

// produce sends to a destination until ctx ends.
func (s *soak) produce(ctx context.Context, address, destination, name string, ledger *soakLedger) {
	sender := &soakSender{address: address, destination: destination}
	defer sender.close()
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("%s/%d", name, i)
		if ledger == &s.jobs && i%50 == 0 { // the first one, too: so there are dead letters, however slow the machine
			text += soakPoison
		}
		if sender.insist(s.t.Context(), text) {
			ledger.add(text, 0)
		}
		soakPause(ctx)
	}
}

// soakSender sends to one destination, over one connection after the other.
type soakSender struct {
	address, destination string
	conn                 *soakStomp
}

func (s *soakSender) close() {
	if s.conn != nil {
		s.conn.Close()
	}
}

// insist sends a text under a key until its receipt is there.
func (s *soakSender) insist(ctx context.Context, text string) bool {
	for {
		if s.conn == nil {
			if s.conn = dialSoak(ctx, s.address); s.conn == nil {
				return false
			}
		}
		err := s.conn.send("SEND", text, "destination:"+s.destination, "receipt:"+text, "Idempotency-Key:"+text)
		if err == nil {
			_, err = s.conn.expect("RECEIPT")
		}
		if err == nil {
			return true
		}
		s.conn.Close()
		s.conn = nil
	}
}

// edit publishes notes until ctx ends, edits each a few times, and deletes some.
func (s *soak) edit(ctx context.Context, head, name string) {
	c, all := newSoakClient(head, s.soakJudge), s.t.Context()
	for i := 0; ctx.Err() == nil; i++ {
		note := fmt.Sprintf("%s-%d", name, i)
		text := note + " v0"
		a := c.again(all, http.MethodPost, "/feeds/notes", text, "Idempotency-Key", text)
		s.expect(a, "POST "+text, http.StatusCreated)
		member, versions := a.header.Get("Location"), rand.IntN(4)
		for v := range versions {
			soakPause(ctx)
			text = fmt.Sprintf("%s v%d", note, v+1)
			edition := `<entry xmlns="http://www.w3.org/2005/Atom"><title>a note</title><content>` + text + `</content></entry>`
			a := c.again(all, http.MethodPut, member, edition, "Content-Type", "application/atom+xml")
			s.expect(a, "PUT "+text, http.StatusOK)
		}
		if rand.IntN(3) > 0 {
			s.notes.add(text, 0)
		} else {
			a := c.again(all, http.MethodDelete, member, "")
			s.expect(a, "DELETE "+text, http.StatusNoContent, http.StatusGone) // gone where the answer to an earlier try was lost
		}
		soakPause(ctx)
	}
}

// expect checks how a request is answered.
func (s *soak) expect(a soakAnswer, request string, statuses ...int) {
	if !slices.Contains(statuses, a.status) {
		s.broke(promiseAnswer, "%s: %d %s", request, a.status, a.body)
	}
}

// consume takes jobs from the queue by STOMP until ctx ends.
func (s *soak) consume(ctx context.Context, address string) {
	for {
		c := dialSoak(ctx, address)
		if c == nil {
			return
		}
		err := c.send("SUBSCRIBE", "", "id:1", "destination:/queue/jobs", "ack:client-individual", "prefetch:10")
		for err == nil {
			err = s.serveJob(c)
		}
		c.Close()
	}
}

// serveJob takes what comes next: it acknowledges most jobs, refuses a few and those that are
// poison, and now and then breaks off.
func (s *soak) serveJob(c *soakStomp) error {
	f, err := c.receive()
	if err != nil {
		return err
	}
	switch f.command {
	case "RECEIPT":
		s.work.settle(f.headers["receipt-id"])
		return nil
	case "MESSAGE":
	default:
		return fmt.Errorf("got %s %v", f.command, f.headers)
	}
	s.work.deliver(f.body)
	switch luck := rand.IntN(100); {
	case strings.HasSuffix(f.body, soakPoison), luck < 3:
		return c.send("NACK", "", "id:"+f.headers["ack"])
	case luck < 4:
		return fmt.Errorf("had enough")
	}
	s.work.ask(f.body)
	return c.send("ACK", "", "id:"+f.headers["ack"], "receipt:"+f.body)
}

// workByHTTP claims jobs over HTTP until ctx ends. Those that it drops come back when their time is over.
func (s *soak) workByHTTP(ctx context.Context, head string) {
	c := newSoakClient(head, s.soakJudge)
	for ctx.Err() == nil {
		a := c.again(ctx, http.MethodPost, "/feeds/jobs/queues/default/claims?wait=2&ack-timeout=5&count=3&format=json", "")
		var got struct {
			Claims []struct{ Content, Ack, Nack string }
		}
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK {
			if ctx.Err() == nil {
				s.broke(promiseAnswer, "a claim: %d %s, %v", a.status, a.body, err)
			}
			return
		}
		for _, claim := range got.Claims {
			s.work.deliver(claim.Content)
			switch luck := rand.IntN(100); {
			case strings.HasSuffix(claim.Content, soakPoison), luck < 3:
				c.again(ctx, http.MethodPost, claim.Nack, "")
			case luck < 4:
			default:
				s.work.ask(claim.Content)
				// 409 and 410 where an earlier try, of which the answer was lost, or the time was over.
				if a := c.again(ctx, http.MethodDelete, claim.Ack, ""); a.status == http.StatusNoContent {
					s.work.settle(claim.Content)
				}
			}
		}
		soakPause(ctx)
	}
}
