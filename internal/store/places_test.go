package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// TestPlacesAreWhatScanReads compares the index with the batches, over sealed and
// active segments, and wants nothing from above the positions given.
func TestPlacesAreWhatScanReads(t *testing.T) {
	s := open(t, vfs.NewMem(), 3)
	defer s.Close()
	var pinned []uint64
	before := 0
	for n := range 300 {
		if n == 200 {
			pinned, before = s.Durable(), n
		}
		appendBatch(t, s, 1+uint64(n%2), 10+uint64(n%2)+uint64(n%7)*2, 10_000, int64(n*10), int64(n*10+25))
	}
	q := store.Query{Group: 1, From: 300, To: 2_500}
	list := func(below []uint64) (places, read []string) {
		t.Helper()
		err := s.Places(t.Context(), q, below, func(p store.Place) {
			places = append(places, fmt.Sprint(p.Stream, p.Least, p.Greatest))
			err := s.Batch(p.Position, func(b event.Batch) error {
				least, greatest := b.Span()
				read = append(read, fmt.Sprint(b.StreamUID(), least, greatest))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return places, read
	}
	var scanned, scannedBefore []string
	err := s.Scan(t.Context(), q, func(b event.Batch) error {
		least, greatest := b.Span()
		scanned = append(scanned, fmt.Sprint(b.StreamUID(), least, greatest))
		if least < int64(before*10) {
			scannedBefore = append(scannedBefore, scanned[len(scanned)-1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(below []uint64, want []string) {
		t.Helper()
		places, read := list(below)
		if !slices.Equal(places, want) || !slices.Equal(read, want) {
			t.Errorf("%v: %d places and %d batches, want %d", below, len(places), len(read), len(want))
		}
	}
	f(s.Durable(), scanned)
	f(pinned, scannedBefore)
	f([]uint64{math.MaxUint64, math.MaxUint64, math.MaxUint64}, scanned)
	f([]uint64{0, 0, 0}, nil)
	f(nil, nil)
}

// TestFollowSeesWhatComesLater wants every batch of the groups that were asked
// for, each once and those of a shard in order, and none from before.
func TestFollowSeesWhatComesLater(t *testing.T) {
	s := open(t, vfs.NewMem(), 2)
	defer s.Close()
	appendBatch(t, s, 1, 10, 0, 1)
	run := s.Follow([]uint64{1, 3})
	var want []int64
	for n := range 200 { // more than the tail cache holds: some are read from disk
		appendBatch(t, s, uint64(1+n%3), 10+uint64(n%4), 20_000, int64(n))
		if n%3 != 1 {
			want = append(want, int64(n))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []int64
	newest := map[uint64]int64{}
	err := run(ctx, func(b event.Batch) error {
		shard, at := b.StreamUID()%2, b.Timestamp(0)
		if last, seen := newest[shard]; seen && at < last {
			t.Errorf("%d after %d", at, last)
		}
		newest[shard] = at
		if got = append(got, at); len(got) == len(want) {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d batches, want %d", len(got), len(want))
	}
}

func TestFollowWaitsAndEnds(t *testing.T) {
	s := open(t, vfs.NewMem(), 2)
	refused := errors.New("enough")
	run, first := s.Follow([]uint64{1}), make(chan struct{})
	var followers sync.WaitGroup
	followers.Go(func() {
		err := run(t.Context(), func(event.Batch) error {
			close(first)
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("ended with %v, not the visitor's error", err)
		}
	})
	appendBatch(t, s, 1, 10, 0, 1)
	<-first
	followers.Wait()
	// The end of the log ends it, too.
	run = s.Follow([]uint64{1})
	followers.Go(func() {
		if err := run(t.Context(), func(event.Batch) error { return nil }); err == nil {
			t.Error("no error from a closed log")
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	followers.Wait()
}
