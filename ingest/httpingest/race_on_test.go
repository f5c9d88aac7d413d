//go:build race

package httpingest_test

const raceEnabled = true
