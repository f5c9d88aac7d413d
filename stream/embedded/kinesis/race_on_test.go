//go:build race

package kinesis

// raceEnabled: the race detector allocates by itself.
const raceEnabled = true
