package exporttask

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestInstants prints instants as package time does, whatever came before.
func TestInstants(t *testing.T) {
	var l lines
	f := func(ms int64) {
		t.Helper()
		want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z ")
		if got := string(l.appendInstant(nil, ms)); got != want {
			t.Fatalf("%d: %s, want %s", ms, got, want)
		}
	}
	for _, ms := range []int64{0, 59_999, 60_000, 59_999, -1, -60_000, -60_001, 253402300799999, 1769940000123} {
		f(ms)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for at := int64(-1_000_000); at < 2_000_000; at += r.Int64N(20_000) - 5_000 {
		f(at)
	}
}
