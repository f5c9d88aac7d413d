//go:build race

package wal_test

const raceEnabled = true

// step thins out the exhaustive tests: they use one goroutine, and races are not
// what they find.
const step = 13
