package firehose_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/event"
	"sluice/internal/objput"
)

// tallyStore keeps no object: it tells how many there were where, how large, and
// how much memory there was meanwhile.
type tallyStore struct {
	objput.Store // for what is not tallied

	mu    sync.Mutex
	puts  int
	under map[string]int
	sizes []int64
	most  uint64 // heap in use, bytes
}

func (s *tallyStore) PutIfAbsent(_ context.Context, _, key string, o objput.Object) error {
	if _, err := io.Copy(io.Discard, io.NewSectionReader(o.Body, 0, o.Size)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.puts++; s.puts%500 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.most = max(s.most, m.HeapInuse+m.StackInuse)
	}
	if !strings.HasPrefix(key, "_sluice/") {
		if s.under == nil {
			s.under = map[string]int{}
		}
		s.under[key[:strings.LastIndexByte(key, '/')+1]]++
		s.sizes = append(s.sizes, o.Size)
	}
	return nil
}

func (s *tallyStore) Get(context.Context, string, string) (io.ReadCloser, error) {
	return nil, objput.ErrNotFound // it keeps nothing
}

// 20,000 active partitions are 20,000 objects, none of them under the error
// prefix, and memory does not follow from their number: AWS diverts records from
// the 501st on.
func TestManyPartitions(t *testing.T) {
	if stride > 1 {
		t.Skip("the race detector has a memory of its own")
	}
	const partitions, batchesOf, perBatch = 20_000, 80, 1000
	store := &tallyStore{}
	w := newWorld(t, config{store: store})
	route := w.create(messagesByKey + "," + hints(64, 60))
	var before, waiting runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	logged := int64(0)
	r := rand.New(rand.NewPCG(1, 2))
	padding := strings.Repeat("abcdefghij", 70)
	sent := int64(0)
	for b := range batchesOf {
		var lines []string
		for i := range perBatch {
			k := r.IntN(partitions)
			if b*perBatch+i < partitions {
				k = b*perBatch + i // each at least once
			}
			lines = append(lines, fmt.Sprintf(`{"n":%d,"padding":%q,"k":"customer-%05d"}`, sent, padding, k))
			sent++
		}
		batch := seal(t, lines...)
		logged += int64(len(batch.Record()))
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: batch, Filter: "f"}); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(59 * time.Second) // accounted, not due
	if s := w.status(); s.Partitions != partitions {
		t.Errorf("%+v", s)
	}
	runtime.GC()
	runtime.ReadMemStats(&waiting)
	began := cpu(t)
	w.advance(time.Second)
	w.settled(sent)
	if s := w.status(); s.Quarantined != 0 || s.Objects != partitions || len(store.under) != partitions {
		t.Errorf("%d prefixes, %+v", len(store.under), s)
	}
	kept, peak := int64(waiting.HeapAlloc)-int64(before.HeapAlloc)-logged, store.most-min(store.most, waiting.HeapInuse)
	t.Logf("%d MiB in %d partitions: %d bytes each while they wait, %d MiB at most while delivered, %v of CPU",
		w.status().DeliveredBytes>>20, partitions, kept/partitions, peak>>20, cpu(t)-began)
	if kept > partitions*600 {
		t.Errorf("%d bytes a partition that waits", kept/partitions)
	}
	if peak > 320<<20 {
		t.Errorf("%d MiB beside the log", peak>>20)
	}
}

// Many small log streams share one object: one for each interval, or as large as
// was asked for, however little each of them sends.
func TestManyLogStreamsShareObjects(t *testing.T) {
	if stride > 1 {
		t.Skip("a gigabyte that one goroutine works on tells the race detector nothing")
	}
	for members, streams := range map[string]int{extract: 500, extract + "," + eventTime: 120} {
		store := &tallyStore{}
		w := newWorld(t, config{store: store})
		route := w.create(hints(5, 300) + "," + members)
		const seconds, step = 3600, 60
		var sent int64
		line := strings.Repeat("x", 999)
		for now := 0; now < seconds; now += step {
			for s := range streams { // each its minute of 1 kB/s; in fewer, larger lines
				b := event.GetBuilder(70_000)
				for i := range step {
					at := w.clock.Now().Add(time.Duration(i-step) * time.Second)
					if err := b.Append(at.UnixMilli(), []byte(line)); err != nil {
						t.Fatal(err)
					}
				}
				batch, err := b.Seal(event.Header{GroupUID: 1, StreamUID: uint64(s + 1)}, event.Source{LogGroup: "g", LogStream: fmt.Sprint(s)})
				if err != nil {
					t.Fatal(err)
				}
				if batch, err = event.Open(append([]byte(nil), batch.Record()...)); err != nil {
					t.Fatal(err)
				}
				b.Release()
				sent += int64(step)
				if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: batch, Filter: "f"}); err != nil {
					t.Fatal(err)
				}
			}
			w.advance(step * time.Second)
			w.log.forget(route)
		}
		w.advance(time.Hour)
		if s := w.status(); s.Delivered != sent {
			t.Errorf("%d sent: %+v", sent, s)
		}
		small := 0
		for _, n := range store.sizes {
			if n < 5<<20*8/10 {
				small++
			}
		}
		// What is left at the end of an hour, and of the run, may be small.
		if most := 4; small > most {
			t.Errorf("%s: %d of %d objects are below 80 %% of the size", members, small, len(store.sizes))
		}
	}
}
