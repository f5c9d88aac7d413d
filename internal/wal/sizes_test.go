package wal_test

import (
	"bytes"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// wide is a Folder whose snapshot does not fit into a segment.
type wide struct{ n int }

func (w *wide) ID() uint8                        { return 9 }
func (w *wide) Fold(wal.Frame)                   { w.n++ }
func (w *wide) AppendSnapshot(dst []byte) []byte { return append(dst, make([]byte, 20<<10)...) }
func (w *wide) Restore([]byte) error             { return nil }

func TestSnapshotsWiderThanASegmentDoNotFillTheLog(t *testing.T) {
	mem := vfs.NewMem()
	l := open(t, mem, wal.Config{Dir: "/w", SegmentBytes: 16 << 10, Folders: []wal.Folder{&wide{}}})
	const frames = 2000
	for range frames {
		_, err := l.Append(ctx, wal.TypePut, 1, make([]byte, 100))
		must(t, err)
	}
	if n := len(l.Segments()); n > 10 {
		t.Errorf("%d frames of 100 bytes took %d segments", frames, n)
	}
	must(t, l.Close())
}

func TestAFrameLargerThanASegmentGetsALargerOne(t *testing.T) {
	mem := vfs.NewMem()
	cfg := wal.Config{Dir: "/w", SegmentBytes: 16 << 10}
	l := open(t, mem, cfg)
	large := bytes.Repeat([]byte("large"), 20_000)
	for range 3 {
		_, err := l.Append(ctx, wal.TypePut, 1, []byte("small"))
		must(t, err)
		_, err = l.Append(ctx, wal.TypePut, 2, large)
		must(t, err)
	}
	for _, crash := range []bool{true, false} {
		if crash {
			mem = mem.CrashClone(vfs.CrashOptions{})
		} else {
			must(t, l.Close())
		}
		l = open(t, mem, cfg)
		for seq := uint64(1); seq <= 6; seq++ {
			f, err := l.Read(seq)
			must(t, err)
			if want := "small"; seq%2 == 0 && !bytes.Equal(f.Payload, large) || seq%2 == 1 && string(f.Payload) != want {
				t.Errorf("frame %d has %d bytes", seq, len(f.Payload))
			}
		}
	}
	must(t, l.Close())
}
