package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/obs"
)

// showProgress tells how far a run is, until done is called: as a bar on a
// terminal, as a line every few seconds elsewhere. total is the number of bytes
// to read, 0 when nobody knows.
func showProgress(w io.Writer, look func() ship.Progress, total int64) (done func()) {
	if obs.IsTerminal(w) {
		bar := newBar(w, total)
		return every(200*time.Millisecond, func() { bar.Set64(look().Read) }, func() {
			bar.Set64(look().Read)
			bar.Exit() // leaves the bar as it stands
			fmt.Fprintln(w)
		})
	}
	return every(5*time.Second, func() { fmt.Fprintln(w, progressLine(look(), total)) }, func() {})
}

func newBar(w io.Writer, total int64) *progressbar.ProgressBar {
	if total == 0 {
		total = -1 // a spinner
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("ship"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(true),
	)
}

func progressLine(p ship.Progress, total int64) string {
	part := ""
	if total > 0 {
		part = fmt.Sprintf(" (%d%% read)", 100*p.Read/total)
	}
	return fmt.Sprintf("%d events, %d bytes, %d requests%s", p.Events, p.Bytes, p.Requests, part)
}

// every calls tick on a goroutine of its own until done is called, which then
// calls last and returns when both are over.
func every(period time.Duration, tick, last func()) (done func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				tick()
			case <-stop:
				last()
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
