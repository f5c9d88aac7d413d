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
		now := ship.Progress{}
		done := showProgress(&out, func() ship.Progress { return now }, 200)
		time.Sleep(4 * time.Second)
		now = ship.Progress{Read: 100, Events: 7, Bytes: 70, Requests: 1}
		time.Sleep(2 * time.Second)
		done()
		if want := "7 events, 70 bytes, 1 requests (50% read)\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

func TestProgressOfUnknownSize(t *testing.T) {
	if got, want := progressLine(ship.Progress{Read: 5, Events: 1, Bytes: 4, Requests: 1}, 0), "1 events, 4 bytes, 1 requests"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
