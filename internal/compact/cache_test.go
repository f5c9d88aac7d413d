package compact_test

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"sluice/bench/corpus"
	"sluice/internal/compact"
	"sluice/internal/vfs"
)

func TestNeighboursCostOneDecompression(t *testing.T) {
	disk, batches := newDisk(t), numberedFrom(1, corpusBatches(t, corpus.App, 1, 1<<20, 4<<10))
	write(t, disk, compact.Options{BlockBytes: 128 << 10}, batches, nil)
	reads := 0
	counted := vfs.Fault(disk, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			reads++
		}
		return nil
	})
	f := open(t, counted, 1<<20)
	blocks := int(f.Stats().Blocks)
	reads = 0
	for _, b := range batches {
		_, err := f.Batch(b.number)
		must(t, err)
	}
	if reads > blocks+3 { // and a page of the index, one of the locator
		t.Errorf("%d reads for %d blocks", reads, blocks)
	}
}

func TestCacheKeepsItsBudget(t *testing.T) {
	const budget = 300 << 10
	disk, batches := newDisk(t), mixed(t, rand.New(rand.NewPCG(1, 3)), 400)
	write(t, disk, small, batches, nil)
	cache := compact.NewCache(budget)
	f, err := compact.Open(disk, path, cache)
	must(t, err)
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range 400 {
				want := batches[r.IntN(len(batches))]
				got, err := f.Batch(want.number)
				if err != nil || !bytes.Equal(got.Record(), want.Record()) {
					t.Errorf("batch %d: %v", want.number, err)
				}
				if held := cache.Stats().Bytes; held > budget {
					t.Errorf("cache holds %d of %d bytes", held, budget)
				}
			}
		})
	}
	readers.Wait()
	if s := cache.Stats(); s.Hits == 0 || s.Misses == 0 {
		t.Errorf("cache was not used: %+v", s)
	}
	must(t, f.Close())
	if s := cache.Stats(); s.Bytes != 0 {
		t.Errorf("%d bytes of a closed file", s.Bytes)
	}
}

// TestReadingAllocatesPerBlockOnly: none per event, none per batch.
func TestReadingAllocatesPerBlockOnly(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	disk, batches := newDisk(t), numberedFrom(1, corpusBatches(t, corpus.App, 1, 1<<20, 8<<10))
	write(t, disk, compact.Options{}, batches, nil)
	f := open(t, disk, 16<<20)
	read := func() {
		for _, b := range batches {
			if _, err := f.Batch(b.number); err != nil {
				t.Fatal(err)
			}
		}
	}
	read()
	if n := testing.AllocsPerRun(10, read); n != 0 {
		t.Errorf("%v allocations for %d cached batches", n, len(batches))
	}
	cold := open(t, disk, 0)
	events := cold.Stats().Events
	n := testing.AllocsPerRun(5, func() {
		if _, err := cold.Batch(batches[0].number); err != nil {
			t.Fatal(err)
		}
	})
	if n > 400 || n > float64(events)/4 {
		t.Errorf("%v allocations for a block of %d events in %d batches", n, events, len(batches))
	}
}

// TestOpenReadsTheFooterOnly: recovery opens every file there is.
func TestOpenReadsTheFooterOnly(t *testing.T) {
	disk := newDisk(t)
	stats := write(t, disk, compact.Options{NGrams: true}, numberedFrom(1000, corpusBatches(t, corpus.App, 1, 8<<20, 2<<10)), someFrames(100))
	read := int64(0)
	counted := vfs.Fault(disk, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			read += op.Size
		}
		return nil
	})
	open(t, counted, 0)
	if read > 2<<10 {
		t.Errorf("%d bytes read to open a file of %d", read, stats.FileBytes)
	}
}
