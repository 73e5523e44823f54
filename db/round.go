package db

import "atommq/bus"

// roundBits is how many bits of the column attempts, of the tables of work, count how often an
// entry was handed out, which bus.MostAttempts fits into. Above them stands the round: so an entry
// that came back after it had used up its attempts has others than before.
const roundBits = 20

// attempts is what the column says of a claim.
func attempts(c *bus.Claim) int64 { return c.Round<<roundBits | int64(c.Attempt) }

// attempted reads the column of one.
func attempted(c *bus.Claim, column int64) {
	c.Round, c.Attempt = int64(uint64(column)>>roundBits), int(column&(1<<roundBits-1))
}
