//go:build race

package crossregion

const raceEnabled = true
