//go:build !linux

package bench

import "os"

// syncContent is what this system has for fdatasync.
func syncContent(f *os.File) error { return f.Sync() }
