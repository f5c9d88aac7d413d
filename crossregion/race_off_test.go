//go:build !race

package crossregion

const raceEnabled = false
