package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// What a terminal is told (ECMA-48, and xterm's other screen).
const (
	otherScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // without a cursor; what is too wide is cut
	backAgain   = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	fromTheTop  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// draw shows reports on the terminal, one over the other, until q or Ctrl-C is hit, or ctx ends.
func (t *top) draw(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		former, err := term.MakeRaw(in)
		if err != nil {
			return fmt.Errorf("read keys: %w", err)
		}
		defer func() { _ = term.Restore(in, former) }()
		go func() { // it ends with the process: a read from a terminal cannot be called off
			waitForQuit(os.Stdin)
			cancel()
		}()
	}
	out := os.Stdout
	if _, err := out.WriteString(otherScreen + fromTheTop + "asking " + t.watch.client.BaseURL + clearRest); err != nil {
		return err
	}
	defer func() { _, _ = out.WriteString(backAgain) }()
	err := t.run(ctx, false, func(r *report) error {
		width, height, err := term.GetSize(int(out.Fd()))
		if err != nil || width < 1 {
			width, height = 80, 24
		}
		_, err = out.WriteString(screen(r.text(width, height)))
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// waitForQuit reads keys up to one that ends top: q, Ctrl-C, Ctrl-D.
func waitForQuit(keys io.Reader) {
	var key [1]byte
	for {
		n, err := keys.Read(key[:])
		if err != nil || n == 1 && strings.IndexByte("qQ\x03\x04", key[0]) >= 0 {
			return
		}
	}
}

// screen draws text over what was there: no blank screen flashes up between.
func screen(text string) string {
	text = strings.TrimSuffix(text, "\n")
	return fromTheTop + strings.ReplaceAll(text, "\n", clearLine+"\r\n") + clearLine + clearRest
}

// text writes the report in at most height lines, each at most width columns; 0 is for any number.
func (r *report) text(width, height int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "AtomMQ %s  %s  %s\n", oneLine(r.Version), r.URL, r.Time.Format(time.TimeOnly))
	if r.Error != "" {
		fmt.Fprintln(&b, r.Error)
		return fit(b.String(), width, height)
	}
	fmt.Fprintf(&b, "published %s/s  %s/s  refused %s/s  commits %s/s, half within %s, 99%% within %s\n", figure(r.Published), bytesText(r.Bytes), figure(r.Refused),
		figure(r.Commits), seconds(r.CommitMedian), seconds(r.CommitWorst))
	fmt.Fprintf(&b, "read %s/s  claimed %s/s  messages %s/s  acked %s/s  dead letters %s\n", figure(r.Read), figure(r.Claimed), figure(r.Messages), figure(r.Acked), figure(r.DeadLetters))
	fmt.Fprintf(&b, "requests %s/s  failures %s/s  streams %d  polls %d  STOMP %d  topics %d  consumers %d  lagging %d\n", figure(r.Requests), figure(r.Failures),
		r.Streams, r.Polls, r.Connections, r.Topics, r.Consumers, r.Lagging)
	fmt.Fprintf(&b, "feeds %s  entries %s  %s  queues %s  waiting %s\n", figure(float64(r.Feeds)), figure(float64(r.Entries)), bytesText(float64(r.Stored)),
		figure(float64(r.Queues)), figure(float64(r.Waiting)))
	rows := tableRows
	if height > 0 {
		rows = max((height-9)/2, 1)
	}
	r.tables(&b, rows)
	return fit(b.String(), width, height)
}

// tableRows is how many queues, and feeds, are shown where nothing else bounds them.
const tableRows = 20

// tables writes the first rows of queues and of feeds. Names come last: where the terminal is
// narrow, they are cut, and no figure.
func (r *report) tables(b *strings.Builder, rows int) {
	if len(r.Longest) > 0 {
		table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "\nWAITING\tCLAIMED\tOLDEST\t  QUEUE")
		for _, q := range r.Longest[:min(rows, len(r.Longest))] {
			fmt.Fprintf(table, "%s\t%s\t%s\t  %s %s\n", figure(float64(q.Waiting)), figure(float64(q.Claimed)), seconds(q.Oldest), oneLine(q.Feed), oneLine(q.Queue))
		}
		_ = table.Flush() // to memory
	}
	if len(r.Latest) > 0 {
		table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "\nENTRIES\tPER S\tBYTES\tLAST ID\t  FEED")
		for _, f := range r.Latest[:min(rows, len(r.Latest))] {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t  %s\n", figure(float64(f.Entries)), figure(f.Rate), bytesText(float64(f.Bytes)), f.LastID, oneLine(f.Name))
		}
		_ = table.Flush()
	}
}

// fit cuts text to a terminal's size.
func fit(text string, width, height int) string {
	lines := strings.Split(strings.TrimSuffix(printable(text), "\n"), "\n")
	if height > 0 && len(lines) > height {
		lines = lines[:height]
	}
	for i, line := range lines {
		if runes := []rune(line); width > 0 && len(runes) > width {
			lines[i] = string(runes[:width-1]) + "…"
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// figure writes a number in few characters.
func figure(x float64) string {
	if x == math.Trunc(x) && x < 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return thousands(x)
}

// bytesText writes a number of bytes in few characters.
func bytesText(n float64) string {
	for _, u := range byteUnits() {
		if n >= float64(u.bytes) && u.suffix != "" {
			return fmt.Sprintf("%.1f %s", n/float64(u.bytes), u.suffix)
		}
	}
	return fmt.Sprintf("%.0f B", n)
}

// seconds writes a time in few characters.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d == 0:
		return "0"
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1fh", d.Hours())
	}
	return fmt.Sprintf("%.1fd", d.Hours()/24)
}
