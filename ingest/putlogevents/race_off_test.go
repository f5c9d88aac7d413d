//go:build !race

package putlogevents_test

const raceEnabled = false
