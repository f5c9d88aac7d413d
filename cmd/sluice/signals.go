package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopSignals subscribes to the signals that ask a process to stop.
func stopSignals() (signals <-chan os.Signal, unsubscribe func()) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}

// interruptible is a context that the first signal ends; the second one ends the
// process as if nobody had subscribed.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// errForced says that a stop was cut short. Nothing acknowledged is lost by
// that: it is what a crash would be.
var errForced = errors.New("stopped before everything was flushed; the next start recovers")

// runUntilSignal runs until run returns by itself, or asks it to stop at the
// first signal and then waits: for run, for a second signal, or for the grace
// period to end, whichever comes first. In the last two cases run is left behind
// and the caller is expected to end the process.
func runUntilSignal(run func(context.Context) error, signals <-chan os.Signal, grace time.Duration, log *slog.Logger) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()

	select {
	case err := <-done:
		return err
	case s := <-signals:
		log.Info("stopping; a second signal stops at once", "signal", s.String(), "grace", grace.String())
	}
	stop()
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	select {
	case err := <-done:
		if errors.Is(err, context.Canceled) {
			err = nil // the stop that was asked for
		}
		if err == nil {
			log.Info("stopped; everything is flushed")
		}
		return err
	case s := <-signals:
		return fmt.Errorf("second signal (%v): %w", s, errForced)
	case <-deadline.C:
		return fmt.Errorf("not stopped within %v: %w", grace, errForced)
	}
}
