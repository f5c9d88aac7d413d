package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"sluice/cmd/sluice/internal/ship"
)

func TestProgressIsPlainLinesElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		began := time.Now()
		done := showProgress(&out, func() ship.Progress {
			seconds := int64(time.Since(began).Seconds())
			return ship.Progress{Read: 20 * seconds, Events: seconds, Bytes: 10 * seconds, Requests: 1}
		}, 200)
		time.Sleep(14 * time.Second)
		done()
		want := "5 events, 50 bytes, 1 requests (50% read)\n10 events, 100 bytes, 1 requests (100% read)\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

func TestProgressOfUnknownSize(t *testing.T) {
	if got, want := progressLine(ship.Progress{Read: 5, Events: 1, Bytes: 4, Requests: 1}, 0), "1 events, 4 bytes, 1 requests"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
