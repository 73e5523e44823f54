package stompgw_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"atommq/bus"
)

// The sessions in doc/stomp.md go as they are written there.
func TestSessionsOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../doc/stomp.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```session\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there are none")
	}
	for i, block := range blocks {
		script, _, _ := strings.Cut(block, "```")
		t.Run(strconv.Itoa(i+1), func(t *testing.T) {
			g := start(t)
			attempts := 1 // as "Dead letters" has set
			if _, err := g.Bus.ConfigureQueue(t.Context(), "parcels", bus.DefaultQueue, bus.QueueSettings{Attempts: &attempts}); err != nil {
				t.Fatal(err)
			}
			g.play(t, script)
		})
	}
}
