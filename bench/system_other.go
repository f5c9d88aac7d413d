//go:build !linux

package bench

import (
	"os"
	"time"
)

// syncContent is what this system has for fdatasync.
func syncContent(f *os.File) error { return f.Sync() }

// sleepUntil is as exact as this system's timers are.
func sleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
