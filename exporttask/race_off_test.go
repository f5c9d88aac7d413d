//go:build !race

package exporttask

const raceEnabled = false
