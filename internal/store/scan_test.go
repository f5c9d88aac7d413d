package store_test

import (
	"context"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

var everything = store.Query{Group: 1, From: 0, To: 1 << 40}

func TestScanReadsBesideASegmentWithoutBatches(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, 1)
	appendBatch(t, s, 1, 2, 10, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fs, 1) // its next frame begins a segment, and is no batch
	defer s.Close()
	if err := s.Reject(t.Context(), 1, store.Rejected{TooOld: 1}); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, s, everything); len(got) != 1 || got[0] != "1/2/100" {
		t.Errorf("%q", got)
	}
}

func TestScanReadsWhileTheFirstBatchIsWritten(t *testing.T) {
	mem := vfs.NewMem()
	entered, goOn := make(chan struct{}), make(chan struct{})
	hold := false
	fs := vfs.Fault(mem, func(op vfs.Op) error {
		if hold && op.Kind == vfs.OpWrite && op.Size > 64 {
			hold = false // only the first write behind the header
			close(entered)
			<-goOn
		}
		return nil
	})
	s := open(t, fs, 1)
	defer s.Close()
	b, release := batch(t, 1, 2, 10, 100)
	defer release()
	hold = true
	done := make(chan error, 1)
	go func() {
		_, err := s.Append(context.Background(), b)
		done <- err
	}()
	resume := sync.OnceFunc(func() { close(goOn) })
	defer resume()
	<-entered
	if got := scan(t, s, everything); len(got) != 0 {
		t.Errorf("not durable yet: %q", got)
	}
	resume()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := scan(t, s, everything); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// A damaged batch, or a damaged index of a segment, costs what is damaged and
// not the log group.
func TestScanGoesAroundDamage(t *testing.T) {
	f := func(name string, lost int, damage func(segment []byte)) {
		t.Helper()
		fs := vfs.NewMem()
		s := open(t, fs, 1)
		for at := range int64(20) {
			appendBatch(t, s, 1, 2, 1000, at)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		entries, err := fs.ReadDir("/wal/0")
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
		file := path.Join("/wal/0", entries[0].Name())
		bytes, err := vfs.ReadFile(fs, file, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		s = open(t, fs, 1)
		defer s.Close()
		damage(bytes)
		w, err := fs.OpenFile(file, os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.WriteAt(bytes, 0); err != nil {
			t.Fatal(err)
		}
		n := 0
		err = s.Scan(t.Context(), everything, func(b event.Batch) error { n += b.Len(); return nil })
		if err != nil || n != 20-lost {
			t.Errorf("%s: %d events, %v", name, n, err)
		}
		if stats := s.Log(0).Stats(); stats.Damages == 0 {
			t.Errorf("%s: not counted: %+v", name, stats)
		}
	}
	f("a batch", 1, func(b []byte) { b[strings.Index(string(b), "1/2/7 ")] ^= 1 })
	// The batch index is the last section of the footer.
	f("the batch index", 0, func(b []byte) { b[len(b)-56-2*24-10] ^= 1 })
}
