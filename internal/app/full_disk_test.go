package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// A disk that fills up and gets room again, while clients go on: they are told to
// come again, nothing that was acknowledged is lost or doubled, and the process
// needs no restart.
func TestFullDiskLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		full func(op vfs.Op) bool
	}{
		{"no new log segment", func(op vfs.Op) bool { return op.Kind == vfs.OpPreallocate && strings.Contains(op.Name, "/wal/") }},
		{"no objects", func(op vfs.Op) bool { return op.Kind == vfs.OpWrite && strings.Contains(op.Name, "/s3/") }},
		{"neither", func(op vfs.Op) bool {
			return op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate || op.Kind == vfs.OpMkdirAll ||
				op.Kind == vfs.OpWrite && strings.Contains(op.Name, "/s3/")
		}},
	} {
		t.Run(c.name, func(t *testing.T) { fullDisk(t, c.full, syscall.ENOSPC) })
	}
	// Not room but descriptors: the same holds.
	t.Run("no descriptors", func(t *testing.T) {
		fullDisk(t, func(op vfs.Op) bool { return op.Kind == vfs.OpOpen || op.Kind == vfs.OpCreate }, syscall.EMFILE)
	})
}

func fullDisk(t *testing.T, full func(vfs.Op) bool, errno error) {
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	var isFull atomic.Bool
	fsys := vfs.Fault(mem, func(op vfs.Op) error {
		if isFull.Load() && full(op) {
			return errno
		}
		return nil
	})
	p := begin(t, mem, defs, func(c *app.Config) { c.FS = fsys })
	acked := map[string]bool{}
	n, refused := 0, 0
	put := func() {
		id := fmt.Sprintf("ERROR %06d %s", n, strings.Repeat("x", 30_000))
		n++
		code, text := p.call("Logs_20140328.PutLogEvents", map[string]any{"logGroupName": group, "logStreamName": "s0",
			"logEvents": []any{map[string]any{"timestamp": time.Now().UnixMilli(), "message": id}}})
		switch {
		case code == http.StatusOK:
			acked[id] = true
		case code == http.StatusServiceUnavailable && strings.Contains(text, "ServiceUnavailableException"):
			refused++
		default:
			t.Fatal(code, text)
		}
	}
	for range 3 { // more than a segment while there is room, then more than one while there is none
		for range 50 {
			put()
		}
		isFull.Store(true)
		for range 50 {
			put()
		}
		isFull.Store(false)
	}
	put()
	if !acked[fmt.Sprintf("ERROR %06d %s", n-1, strings.Repeat("x", 30_000))] {
		t.Error("refused although there is room")
	}
	p.await()
	p.identities()
	seen := map[string]int{}
	for _, line := range p.delivered() {
		seen[line]++
	}
	for id := range acked {
		if seen[id] != 1 {
			t.Errorf("%.12s is there %d times", id, seen[id])
		}
		delete(seen, id)
	}
	if len(seen) > 0 {
		t.Errorf("%d events are there that were refused", len(seen))
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	t.Logf("%d sent, %d refused", n, refused)
}
