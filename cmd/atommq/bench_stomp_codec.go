package main

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"atommq/stompgw/stomp"
)

// benchCodec measures what reading and writing frames allows, on one processor.
func benchCodec(ctx context.Context, b *bench) error {
	rates, err := b.compare(ctx, "frames read and written", readingFrames, writingFrames)
	if err != nil {
		return err
	}
	b.report(
		finding{Section: "codec", What: "SEND frames read, in memory", Unit: "frames/s", Value: rates[0], Budget: budget{AtLeast: 2_000_000}},
		finding{Section: "codec", What: "MESSAGE frames written, in memory", Unit: "frames/s", Value: rates[1]},
	)
	return nil
}

// codecStep is how many frames are read or written between looks at the clock.
const codecStep = 1000

func readingFrames(ctx context.Context, d time.Duration) (float64, error) {
	send := newBenchSend(benchQueue)
	frame := append(strconv.AppendInt(send.before, 1234567, 10), send.behind...)
	frames := stomp.NewReader(&endless{text: bytes.Repeat(frame, 100)}, stomp.Limits{})
	frames.SetVersion(stomp.V12)
	return rate(ctx, d, 1, func(int) (int, error) {
		for range codecStep {
			if _, err := frames.Next(); err != nil {
				return 0, err
			}
			frames.Pending()
		}
		return codecStep, nil
	})
}

func writingFrames(ctx context.Context, d time.Duration) (float64, error) {
	var out []byte
	return rate(ctx, d, 1, func(int) (int, error) {
		out = out[:0]
		for i := range codecStep {
			out = appendBenchMessage(out, int64(i))
		}
		return codecStep, nil
	})
}

// appendBenchMessage writes a MESSAGE as the gateway delivers it.
func appendBenchMessage(dst []byte, id int64) []byte {
	const v = stomp.V12
	dst = stomp.AppendCommand(dst, stomp.MESSAGE)
	dst = stomp.AppendHeader(dst, v, "subscription", "1")
	dst = stomp.AppendHeader(dst, v, "destination", benchTopic)
	dst = stomp.AppendHeaderInt(dst, v, "message-id", id)
	dst = stomp.AppendHeaderInt(dst, v, "Xlastid", id)
	dst = stomp.AppendHeader(dst, v, "content-type", "text/plain")
	dst = stomp.AppendHeaderInt(dst, v, "timestamp", 1767225600000)
	dst = stomp.AppendHeader(dst, v, "uuid", "01926f8e-5f3a-7cc4-a1b2-0123456789ab")
	return stomp.AppendBody(dst, []byte(benchBody))
}

// endless gives the same text over and over, as a socket under load does.
type endless struct{ text, rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(e.rest) == 0 {
			e.rest = e.text
		}
		c := copy(p[n:], e.rest)
		e.rest = e.rest[c:]
		n += c
	}
	return n, nil
}
