package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw"
)

func benchStompCommand() *cobra.Command {
	cmd := benchStompSections().command("stomp", 10*time.Second)
	cmd.Short = "Measure the STOMP gateway against the ceiling that this machine sets"
	cmd.Long = `Bench stomp measures the STOMP gateway on this machine: on a database of its own, over
sockets, with bodies of 200 bytes, every RECEIPT after the message is on disk. Beside each figure
stands what the same machine gives to code that does the least: the database without a bus, sockets
without a gateway. Gateway and load generator share the processors. Memory is that of a server in
a process of its own.`
	return cmd
}

func benchStompSections() benchSuite {
	return benchSuite{
		{"codec", 2 * benchRounds, benchCodec},
		{"producer", 3 * benchRounds, benchProducer},
		{"producers", 2 * benchRounds, benchProducers},
		{"pipeline", 2 * benchRounds, benchPipeline},
		{"flow", 2 * benchRounds, benchFlow},
		{"drain", 2 * benchRounds, benchDrain},
		{"fanout", 2 * 4 * benchRounds, benchFanOut},
		{"latency", 2 * benchRounds, benchLatency},
		{"count", 2, benchCount},
		{"connections", 3, benchIdleConnections},
		{"subscriptions", 6, benchManySubscriptions},
		{"queues", 3, benchWaitingQueues},
	}
}

// benchGateway is a bus in this process, served over STOMP on loopback.
type benchGateway struct {
	*node
	server  *stompgw.Server
	address string
	ended   chan error
}

// openGateway opens a bus on a new database and serves it.
func (b *bench) openGateway(ctx context.Context) (*benchGateway, error) {
	n, err := b.openNode(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := listenBench(ctx)
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	g := &benchGateway{
		node:    n,
		server:  n.gateway(&settings{}, "", slog.New(slog.DiscardHandler)),
		address: listener.Addr().String(),
		ended:   make(chan error, 1),
	}
	go func() { g.ended <- g.server.Serve(thrifty{listener}) }() // as serve does
	return g, nil
}

// close stops the gateway and the bus.
func (g *benchGateway) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), finishWait)
	defer cancel()
	err := g.server.Shutdown(ctx)
	if ended := <-g.ended; !errors.Is(ended, stompgw.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, g.node.close())
}

// besideRaw opens what most sections compare: a gateway, and a table that holds the same messages.
func (b *bench) besideRaw(ctx context.Context, run func(*benchGateway, *rawTable) error) (err error) {
	g, err := b.openGateway(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	raw, err := openRaw(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	raw.xml = string(benchMessage().XML)
	return run(g, raw)
}

// benchMessage is what the gateway makes of a SEND frame.
func benchMessage() *feeds.Entry {
	entry, err := feeds.ComposeMessage("", &feeds.Message{Type: "text/plain", Body: []byte(benchBody)})
	if err != nil {
		panic(err) // the message is a constant
	}
	return entry
}

// fillQueue has so many messages wait in the queue that destination benchQueue names.
func (g *benchGateway) fillQueue(ctx context.Context, messages int) error {
	const batch = 1000
	posts := make([]bus.Post, batch)
	for i := range posts {
		posts[i] = bus.Post{Feed: benchFeed, Entry: benchMessage(), Queue: bus.DefaultQueue}
	}
	for messages > 0 {
		n := min(batch, messages)
		if _, err := g.bus.Publish(ctx, posts[:n]...); err != nil {
			return err
		}
		messages -= n
	}
	return nil
}

const (
	benchQueue = "/queue/" + benchFeed
	benchTopic = "/topic/" + benchFeed
)
