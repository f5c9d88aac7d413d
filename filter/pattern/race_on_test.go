//go:build race

package pattern

// raceEnabled: the race detector allocates and slows down.
const raceEnabled = true
