//go:build race

package embedded_test

// raceEnabled: the race detector allocates by itself.
const raceEnabled = true
