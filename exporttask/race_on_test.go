//go:build race

package exporttask

const raceEnabled = true
