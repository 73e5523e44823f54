package bustest_test

import (
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestMemoryKeepsThePromisesOfAStore(t *testing.T) {
	bustest.TestStore(t, func(*testing.T) bus.Store { return &bustest.Memory{} })
}
