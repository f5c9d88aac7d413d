package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunUntilSignal(t *testing.T) {
	broken := errors.New("broken disk")
	f := func(run func(context.Context) error, signals int, took time.Duration, want error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			incoming := make(chan os.Signal, signals)
			for i := range signals {
				time.AfterFunc(time.Duration(i+1)*time.Second, func() { incoming <- syscall.SIGTERM })
			}
			var log bytes.Buffer
			began := time.Now()
			err := runUntilSignal(run, incoming, time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
			if !errors.Is(err, want) || (want == nil && err != nil) {
				t.Errorf("error %v, want %v", err, want)
			}
			if d := time.Since(began); d != took {
				t.Errorf("took %v, want %v", d, took)
			}
			if signals > 0 && !strings.Contains(log.String(), "signal=terminated") {
				t.Errorf("the log does not tell of the signal: %s", &log)
			}
			time.Sleep(5 * time.Minute) // what was left behind ends too
		})
	}
	stop := func(after time.Duration, err error) func(context.Context) error {
		return func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(after)
			return err
		}
	}
	f(func(context.Context) error { return nil }, 0, 0, nil)
	f(func(context.Context) error { return broken }, 0, 0, broken)
	f(stop(0, nil), 1, time.Second, nil)
	f(stop(0, context.Canceled), 1, time.Second, nil)
	f(stop(10*time.Second, nil), 1, 11*time.Second, nil)
	f(stop(10*time.Second, broken), 1, 11*time.Second, broken)
	f(stop(10*time.Second, nil), 2, 2*time.Second, errForced)
	f(stop(2*time.Minute, nil), 1, 61*time.Second, errForced)
}
