package wal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func open(t testing.TB, fsys vfs.FS, cfg wal.Config) *wal.Log {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = "/wal"
	}
	l, err := wal.Open(fsys, cfg)
	must(t, err)
	return l
}

// payload is a text of about n bytes that no other i has.
func payload(i, n int) []byte {
	b := fmt.Appendf(nil, "<%d>", i)
	for len(b) < n {
		b = append(b, byte('a'+(i+len(b))%26))
	}
	return b
}

func appendN(t testing.TB, l *wal.Log, from, n, size int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		seq, err := l.Append(ctx, wal.TypeBatch, uint64(i), payload(i, size))
		must(t, err)
		equal(t, seq, uint64(i))
	}
}

// expectN reads the log and expects frames from..to as appendN wrote them.
func expectN(t testing.TB, l *wal.Log, from, to, size int) {
	t.Helper()
	r, err := l.NewReader(uint64(from))
	must(t, err)
	next := from
	for {
		b, ok, err := r.TryNext()
		must(t, err)
		if !ok {
			break
		}
		equal(t, b.First(), uint64(next))
		for f := range b.All() {
			equal(t, f.Seq, uint64(next))
			equal(t, f.Key, uint64(next))
			equal(t, f.Type, wal.TypeBatch)
			equal(t, string(f.Payload), string(payload(next, size)))
			next++
		}
		equal(t, b.Last(), uint64(next-1))
	}
	equal(t, next, to+1)
}

func TestAppendReadReopen(t *testing.T) {
	mem := vfs.NewMem()
	l := open(t, mem, wal.Config{SegmentBytes: 8 << 10, TailBytes: 1})
	equal(t, l.First(), 1)
	equal(t, l.Next(), 1)
	equal(t, l.Durable(), 0)
	appendN(t, l, 1, 100, 500)
	expectN(t, l, 1, 100, 500)
	expectN(t, l, 57, 100, 500)
	for _, seq := range []int{1, 40, 99, 100} {
		f, err := l.Read(uint64(seq))
		must(t, err)
		equal(t, string(f.Payload), string(payload(seq, 500)))
	}
	_, err := l.Read(101)
	is(t, err, wal.ErrBeyond)
	must(t, l.Close())
	equal(t, mem.OpenFiles(), 0)
	l = open(t, mem, wal.Config{SegmentBytes: 8 << 10})
	equal(t, l.Durable(), 100)
	expectN(t, l, 1, 100, 500)
	appendN(t, l, 101, 50, 500)
	expectN(t, l, 1, 150, 500)
	segs := l.Segments()
	must(t, l.Trim(segs[3].First))
	equal(t, l.First(), segs[3].First)
	_, err = l.NewReader(1)
	is(t, err, wal.ErrTrimmed)
	_, err = l.Read(1)
	is(t, err, wal.ErrTrimmed)
	must(t, l.Close())
	equal(t, mem.OpenFiles(), 0)
	equal(t, l.Stats().Damages, 0)
}
