package main

import (
	"strings"
	"testing"
)

func TestBenchServerGivesBackMemoryForEachLine(t *testing.T) {
	var out strings.Builder
	giveBackMemory(strings.NewReader("\n\n"), &out)
	if got, want := out.String(), "given back\ngiven back\n"; got != want {
		t.Errorf("two lines are answered with %q", got)
	}
}

func TestBenchServerIsFoundWhereItServes(t *testing.T) {
	for line, want := range map[string]benchServer{
		"AtomMQ serves http://127.0.0.1:1/ and stomp://127.0.0.1:2\n":                          {address: "127.0.0.1:1", stomp: "127.0.0.1:2"},
		"AtomMQ serves http://127.0.0.1:1/, stomp://127.0.0.1:2 and stomp+ssl://127.0.0.1:3\n": {address: "127.0.0.1:1", stomp: "127.0.0.1:2"},
		"AtomMQ serves stomp://[::1]:2\n":                                                      {stomp: "[::1]:2"},
		"AtomMQ serves http://localhost:1/ (all addresses) and stomp://127.0.0.1:2\n":          {address: "localhost:1", stomp: "127.0.0.1:2"},
	} {
		var got benchServer
		if got.readAddresses(line); got.address != want.address || got.stomp != want.stomp {
			t.Errorf("%q is read as %q and %q", line, got.address, got.stomp)
		}
	}
}
