package filter_test

import (
	"strings"
	"testing"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// TestFramesReferToFewBatches: a dispatcher that is far behind makes many frames, as
// whoever reads one has all the batches in memory that it refers to.
func TestFramesReferToFewBatches(t *testing.T) {
	const batches, size, most = 40, 1_000_000, 8 << 20
	fs, defs := vfs.NewMem(), &definitions{}
	if err := vfs.MkdirAllSync(fs, "/wal"); err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(fs, wal.Config{Dir: "/wal"})
	if err != nil {
		t.Fatal(err)
	}
	behind := bench{t: t, log: log}
	for range batches {
		behind.put(10, strings.Repeat("x", size))
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	defs.set(version(1, 10, 100, "", 0))
	b := start(t, fs, defs)
	if err := b.d.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	referred, greatest := 0, 0
	err = b.log.Frames(1, b.log.Durable()+1, func(f wal.Frame) error {
		if f.Type != wal.TypeMatches {
			return nil
		}
		m, err := event.OpenMatches(f.Payload)
		if err != nil {
			return err
		}
		n := 0
		for range m.Entries() {
			n++
		}
		referred, greatest = referred+n, max(greatest, n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if referred != batches || greatest*size > most+size {
		t.Errorf("frames refer to %d batches of %d bytes, one of them to %d", referred, size, greatest)
	}
}
