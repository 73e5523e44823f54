package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

// A gateway beside a server, on the same file.
func TestAGatewayBesideAServerIsWokenSoonAndIdleOtherwise(t *testing.T) {
	server := startServer(t)
	gateway := startGateway(t, server)
	client := connect(t, gateway.Stomp)
	client.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/news", "id", "1")
	b := newBrowser(t, server.URL+"feeds/news")
	var took []time.Duration
	for i := range 40 {
		if _, err := b.post(fmt.Sprint(i), ""); err != nil {
			t.Fatal(err)
		}
		published := time.Now()
		client.message(t)
		took = append(took, time.Since(published))
	}
	slices.Sort(took)
	t.Logf("woken after %v, median %v, at most %v", took[0], took[len(took)/2], took[len(took)-1])
	// Of a machine that does other things too, only the quicker ones say something.
	if quarter := took[len(took)/4]; quarter > 20*time.Millisecond {
		t.Errorf("three quarters of what was published took longer than %v, want 20 ms", quarter)
	}
	before := processorTime(t, server) + processorTime(t, gateway)
	const idle = 2 * time.Second
	<-time.After(idle)
	if used := processorTime(t, server) + processorTime(t, gateway) - before; used > idle/10 {
		t.Errorf("both were idle for %v, and used %v of a processor", idle, used)
	}
}

// processorTime returns how much of a processor a process has used so far.
func processorTime(t *testing.T, p *process) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("this needs Linux's /proc: ", err)
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	words := strings.Fields(fields)
	var ticks int64
	for _, word := range words[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// fairShare has one client on each of nodes consume a queue, and returns how many messages each
// got. They work at one pace, whatever the machine does to their processes: who is ahead of the
// others waits, with what it has in hands. A node that is passed over then stops them all.
func fairShare(t *testing.T, producer *process, nodes ...*process) []int {
	t.Helper()
	const messages = 600
	send := connect(t, producer.Stomp)
	pace := newPace(len(nodes), messages)
	for i, node := range nodes {
		c := connect(t, node.Stomp)
		c.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/shared", "id", "1", "ack", "client-individual", "prefetch", strconv.Itoa(paceHands))
		go func() {
			for {
				f, err := c.receive()
				if err != nil || f.command != stomp.MESSAGE {
					return // the test is over, or finds too few
				}
				pace.got(i)
				if c.send(stomp.ACK, "", "id", f.headers["ack"]) != nil {
					return
				}
			}
		}()
	}
	for i := range messages {
		send.must(t, stomp.SEND, fmt.Sprint(i), "destination", "/queue/shared")
	}
	select {
	case <-pace.all:
	case <-time.After(processWait):
		t.Errorf("the consumers have not got all messages after %v", processWait)
	}
	return pace.counts()
}

// pace holds those back who are ahead of others.
type pace struct {
	mu    sync.Mutex
	moved *sync.Cond
	had   []int
	left  int
	all   chan struct{} // closed once nothing is left
}

const (
	paceHands = 5  // messages that one may have in hands
	paceLead  = 20 // that one may be ahead
)

func newPace(workers, work int) *pace {
	p := &pace{had: make([]int, workers), left: work, all: make(chan struct{})}
	p.moved = sync.NewCond(&p.mu)
	return p
}

// got counts what the i-th worker got, and returns once it is not ahead, or all that is left may be
// in somebody's hands.
func (p *pace) got(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.had[i]++
	if p.left--; p.left == 0 {
		close(p.all)
	}
	p.moved.Broadcast()
	for p.left > len(p.had)*paceHands && p.had[i] > slices.Min(p.had)+paceLead {
		p.moved.Wait()
	}
}

func (p *pace) counts() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.had)
}
