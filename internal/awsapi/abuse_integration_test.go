//go:build integration

package awsapi

import (
	"syscall"
	"testing"
)

// TestAbuseLonger is TestAbuse for minutes, beside as many silent connections as
// this process may hold both ends of, 10,000 at most.
func TestAbuseLonger(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	conns := min(10_000, int(files.Cur)/2-500)
	t.Logf("%d connections", conns)
	abuse(t, conns, 4_000, 256<<20+uint64(conns)*32<<10)
}
