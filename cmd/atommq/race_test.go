//go:build race

package main

// underRace says that the tests run under the race detector, which takes memory, and time.
const underRace = true
