//go:build race

package db

// underRace says that the tests run under the race detector, which makes them several times slower.
const underRace = true
