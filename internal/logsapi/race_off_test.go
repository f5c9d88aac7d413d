//go:build !race

package logsapi_test

const raceEnabled = false
