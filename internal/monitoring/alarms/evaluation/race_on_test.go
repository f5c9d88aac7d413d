//go:build race

package evaluation

const raceEnabled = true
