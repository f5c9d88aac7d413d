//go:build race

package literal

const raceEnabled = true
