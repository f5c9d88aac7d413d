package firehose_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/firehose"
	"sluice/internal/vfs"
)

// next is another process that goes on where one left off.
func (w *world) next(topic *fakeTopic, members string, room firehose.Config) *world {
	w.Helper()
	n := newWorld(w.TB, config{outside: topic, disk: w.disk, store: w.store, at: w.clock.Now(), room: room})
	n.createFrom(members)
	synctest.Wait()
	return n
}

// TestDuplicatesOfSendersAreKnown: what a sender sent again is passed over, also
// by another process, and whatever was delivered ahead.
func TestDuplicatesOfSendersAreKnown(t *testing.T) {
	f := func(members string, record func(i int) string) {
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			w := newWorld(t, config{outside: topic})
			w.createFrom(members)
			send := func(stream uint64, from, to int) {
				for i := from; i < to; i++ {
					topic.send(0, start.UnixMilli(), firehose.Key{Stream: stream, First: uint64(i / 2), Part: uint32(i % 2)}, record(i+int(stream)*100-100))
				}
				synctest.Wait()
			}
			send(1, 0, 5)
			send(1, 2, 7)
			send(2, 0, 3)
			w.advance(30 * time.Second)
			send(1, 0, 9)
			w.advance(30 * time.Second)
			w.stop()
			other := w.next(topic, members, firehose.Config{})
			send(1, 0, 12)
			send(2, 0, 5)
			other.advance(time.Minute)
			other.advance(time.Minute)
			synctest.Wait()
			other.stop()
			other.disk = w.disk
			want := map[string]bool{}
			for i := range 12 {
				want[fmt.Sprintf("<%d>", i)] = true
			}
			for i := range 5 {
				want[fmt.Sprintf("<%d>", 100+i)] = true
			}
			got := other.ids()
			for id := range want {
				if got[id] != 1 {
					t.Errorf("%s is there %d times", id, got[id])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%v", got)
			}
			if s := other.status(); s.Duplicates < 9 {
				t.Errorf("%+v", s)
			}
		})
	}
	f(hints(1, 60), func(i int) string { return fmt.Sprintf("<%d>\n", i) })
	f(byKey+","+hints(64, 60), func(i int) string { return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`+"\n", 'a'+i%2, i) })
}

// TestWhatIsNotDeliveredIsPassed: what comes last and is not to be delivered is done
// all the same. It is no lag, and may be gone when another process goes on.
func TestWhatIsNotDeliveredIsPassed(t *testing.T) {
	f := func(members string, record func(i int) string, n int, last func(topic *fakeTopic)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			topic.numbers = true
			w := newWorld(t, config{outside: topic})
			w.createFrom(members)
			send := func(from, to int) {
				for i := from; i < to; i++ {
					topic.send(0, start.UnixMilli(), firehose.Key{Stream: 1, First: uint64(i + 1)}, record(i))
				}
				synctest.Wait()
			}
			send(0, n)
			w.advance(time.Minute)
			synctest.Wait()
			last(topic)
			time.Sleep(2 * time.Second) // of the bubble: until nothing comes any more
			synctest.Wait()
			end := uint64(len(topic.parts[0].records))
			if s := w.status(); s.Lag != 0 || s.InFlight != 0 || topic.parts[0].committed.Place.Number != end {
				t.Errorf("%+v, committed %+v of %d", s, topic.parts[0].committed, end)
			}
			w.stop()
			topic.lose(0, end)
			w = w.next(topic, members, firehose.Config{})
			time.Sleep(time.Second)
			if s := w.status(); s.Lag != 0 || s.Err != nil {
				t.Errorf("the next process: %+v", s)
			}
			send(n, n+3)
			w.advance(time.Minute)
			synctest.Wait()
			w.advance(time.Minute)
			if s := w.status(); s.Lag != 0 || s.Err != nil || s.LostPositions != 0 {
				t.Errorf("after more records: %+v", s)
			}
			w.stop()
			w.once(n+3, "behind what is not delivered")
		})
	}
	again := func(topic *fakeTopic) {
		topic.send(0, start.UnixMilli(), firehose.Key{Stream: 1, First: 2}, "<1>\n")
		topic.send(0, start.UnixMilli(), firehose.Key{Stream: 1, First: 3}, "<2>\n")
	}
	tombstones := func(topic *fakeTopic) { topic.produce(0, start.UnixMilli(), nil, nil, nil) }
	plain := func(i int) string { return fmt.Sprintf("<%d>\n", i) }
	keyed := func(i int) string { return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`+"\n", 'a'+i%2, i) }
	f(hints(1, 60), plain, 3, again)
	f(hints(1, 60), plain, 3, tombstones)
	f(hints(1, 60), plain, 0, tombstones)
	f(byKey+","+hints(64, 60), keyed, 3, again)
	f(byKey+","+hints(64, 60), keyed, 3, tombstones)
}

// TestGaps has the source lose what was not read yet.
func TestGaps(t *testing.T) {
	f := func(skip bool, members string, record func(i int) string) {
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			w := newWorld(t, config{outside: topic, room: firehose.Config{SkipGaps: skip}})
			w.createFrom(members)
			send := func(from, to int) {
				for i := from; i < to; i++ {
					topic.produce(0, start.UnixMilli(), []byte(record(i)))
				}
				synctest.Wait()
			}
			send(0, 4)
			w.advance(30 * time.Second)
			w.stop() // and so what comes now is not read
			send(4, 9)
			topic.lose(0, 7)
			w = w.next(topic, members, firehose.Config{SkipGaps: skip})
			send(9, 11)
			w.advance(time.Minute)
			synctest.Wait()
			w.advance(time.Minute)
			synctest.Wait()
			s := w.status()
			w.stop()
			if !skip {
				var gap *firehose.GapError
				if s.Condition != firehose.Parked || !errors.As(s.Err, &gap) || gap.First.Number != 7 || s.Delivered != 0 {
					t.Errorf("%+v", s)
				}
				return
			}
			// What was read before the stop was not delivered: it is lost, too.
			if s.Condition != firehose.Delivering || s.LostPositions != 7 || s.Delivered != 4 || s.Lag != 0 {
				t.Errorf("%+v", s)
			}
			if r := verified(t, w.disk); !r.Complete || len(r.Chains) != 1 || r.Chains[0].Lost != 7 || r.Chains[0].Records != 4 {
				t.Errorf("%+v", r)
			}
			got := w.ids()
			for i := 7; i < 11; i++ {
				if got[fmt.Sprintf("<%d>", i)] != 1 {
					t.Errorf("%v", got)
				}
			}
		})
	}
	plain := func(i int) string { return fmt.Sprintf("<%d>\n", i) }
	keyed := func(i int) string { return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`+"\n", 'a'+i%2, i) }
	f(false, hints(1, 60), plain)
	f(true, hints(1, 60), plain)
	f(true, byKey+","+hints(64, 60), keyed)
}

// TestGapBehindWhatWaits: what was read is delivered before the gap, which has a
// cut of its own.
func TestGapBehindWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		w := newWorld(t, config{outside: topic, room: firehose.Config{SkipGaps: true}})
		w.createFrom(hints(1, 60))
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		synctest.Wait()
		topic.lose(0, 6)
		topic.produce(0, start.UnixMilli(), numbered(3, 8)...)
		synctest.Wait()
		w.advance(time.Minute)
		synctest.Wait()
		r := verified(t, w.disk)
		if !r.Complete || r.Chains[0].Lost != 3 || r.Chains[0].Records != 5 || r.Chains[0].Cuts != 3 {
			t.Errorf("%+v", r)
		}
		w.stop()
	})
}

// TestSourceMadeAnew: a source that ends before the position is never read from its
// start, whatever is configured.
func TestSourceMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		w := newWorld(t, config{outside: topic})
		w.createFrom(hints(1, 60))
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		synctest.Wait()
		w.advance(time.Minute)
		synctest.Wait()
		w.stop()
		topic.parts[0].records = nil
		topic.produce(0, start.UnixMilli(), numbered(0, 1)...)
		w = w.next(topic, hints(1, 60), firehose.Config{SkipGaps: true})
		w.advance(time.Hour)
		if s := w.status(); s.Condition != firehose.Parked || !strings.Contains(fmt.Sprint(s.Err), "made anew") {
			t.Errorf("%+v", s)
		}
		w.stop()
		w.once(3, "made anew")
	})
}

// TestSourceThatLostTheEndOfAPlan: what the next process cannot read any more of an
// open plan is said, rather than waited for.
func TestSourceThatLostTheEndOfAPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		topic.numbers = true
		store, disk := newFlaky(t)
		w := newWorld(t, config{outside: topic, disk: disk, store: store})
		w.createFrom(hints(1, 60))
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		synctest.Wait()
		down := errors.New("the store is down")
		store.fail.Store(&down)
		w.advance(time.Minute) // the plan is open
		w.stop()
		store.fail.Store(nil)
		records := topic.parts[0].records
		topic.parts[0].records = records[:2]
		w = newWorld(t, config{outside: topic, disk: disk, store: store, at: w.clock.Now()})
		w.createFrom(hints(1, 60))
		time.Sleep(time.Minute) // of the bubble
		if s := w.status(); s.Condition != firehose.Parked || !strings.Contains(fmt.Sprint(s.Err), "lost its end") || s.Delivered != 0 {
			t.Errorf("%+v", s)
		}
		topic.mu.Lock()
		topic.parts[0].records = records // a broker that was behind
		topic.notify()
		topic.mu.Unlock()
		time.Sleep(time.Minute)
		if s := w.status(); s.Condition != firehose.Delivering || s.Delivered != 3 {
			t.Errorf("%+v", s)
		}
		w.stop()
		w.once(3, "an end that came back")
	})
}

// TestForgottenGroup: brokers forget groups that sleep for long; and operators move
// them.
func TestForgottenGroup(t *testing.T) {
	f := func(members string, committed firehose.Committed, record func(i int) string, lost int64) {
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			w := newWorld(t, config{outside: topic})
			w.createFrom(members)
			send := func(from, to int) {
				for i := from; i < to; i++ {
					topic.produce(0, start.UnixMilli(), []byte(record(i)))
				}
				synctest.Wait()
			}
			send(0, 1)
			for i := 1; i < 12; i += 2 { // several cuts, of which some are ahead
				w.advance(20 * time.Second)
				send(i, i+2)
			}
			w.stop()
			topic.parts[0].committed = committed
			w = w.next(topic, members, firehose.Config{})
			send(13, 14)
			w.advance(2 * time.Minute)
			synctest.Wait()
			w.advance(2 * time.Minute)
			synctest.Wait()
			s, r := w.status(), verified(t, w.disk)
			w.stop()
			if lost == 0 {
				w.once(14, fmt.Sprint("forgotten, then ", committed))
			} else if !r.Complete || r.Chains[0].Lost == 0 {
				t.Errorf("moved: %+v", r)
			}
			if s.Lag > 0 || s.Err != nil {
				t.Errorf("%+v", s)
			}
			for id, n := range w.ids() {
				if n > 1 {
					t.Errorf("%s is there %d times", id, n)
				}
			}
		})
	}
	plain := func(i int) string { return fmt.Sprintf("<%d>\n", i) }
	keyed := func(i int) string { return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`+"\n", 'a'+i%3, i) }
	for _, to := range []firehose.Committed{{}, {Known: true}, {Known: true, Place: firehose.Place{Number: 2}, Note: "of another program"}} {
		f(hints(1, 60), to, plain, 0)
		f(byKey+","+hints(64, 60), to, keyed, 0)
	}
	f(hints(1, 60), firehose.Committed{Known: true, Place: firehose.Place{Number: 13}}, plain, 1)
}

// TestFullScratch: whatever of the scratch the disk has no room for, the part waits,
// says so, and goes on.
func TestFullScratch(t *testing.T) {
	f := func(kind vfs.OpKind) {
		synctest.Test(t, func(t *testing.T) {
			topic, scratch := newFakeTopic(1), vfs.NewMem()
			full := errors.New("no space left on the disk")
			var isFull atomic.Bool
			w := newWorld(t, config{outside: topic, scratch: vfs.Fault(scratch, func(op vfs.Op) error {
				if op.Kind == kind && isFull.Load() {
					return full
				}
				return nil
			})})
			isFull.Store(true)
			w.createFrom(hints(1, 60))
			topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
			time.Sleep(time.Minute) // of the bubble
			if s := w.status(); s.Condition != firehose.Retrying || !errors.Is(s.Err, full) || s.Parts != 1 {
				t.Errorf("%v: %+v", kind, s)
			}
			isFull.Store(false)
			time.Sleep(time.Minute)
			w.advance(time.Minute)
			synctest.Wait()
			w.stop()
			w.once(3, kind.String())
		})
	}
	f(vfs.OpMkdirAll)
	f(vfs.OpCreate)
	f(vfs.OpWrite)
}

// TestSourceThatIsAway: what an open plan needs of a source that is away is waited
// for without the encoders and uploads that other delivery streams want, too.
func TestSourceThatIsAway(t *testing.T) {
	f := func(members string) {
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			store, disk := newFlaky(t)
			w := newWorld(t, config{outside: topic, disk: disk, store: store})
			w.createFrom(members)
			topic.produce(0, start.UnixMilli(), []byte(`{"k":"a","id":"<0>"}`+"\n"))
			synctest.Wait()
			down := errors.New("the store is down")
			store.fail.Store(&down)
			w.advance(time.Minute) // the plan is open
			w.stop()
			store.fail.Store(nil)
			var away atomic.Bool
			away.Store(true)
			topic.step = func(_ *fakeMember, point string) error {
				if point == "fetch" && away.Load() {
					return errDead
				}
				return nil
			}
			w = newWorld(t, config{outside: topic, disk: disk, store: store, log: w.log, defs: w.defs, at: w.clock.Now(),
				room: firehose.Config{Encoders: 1, Uploads: 1}})
			w.must("CreateDeliveryStream", `{"DeliveryStreamName":"near","ExtendedS3DestinationConfiguration":{`+roleAndBucket+`,`+hints(1, 60)+`}}`)
			d, _ := w.defs.DeliveryStream(home, "near")
			synctest.Wait()
			if err := w.put(d.Route, "<1>\n"); err != nil {
				t.Fatal(err)
			}
			_ = w.clock.Advance(t.Context(), time.Minute) // the plan stays under way
			synctest.Wait()
			if got := w.ids(); got["<1>"] != 1 || got["<0>"] != 0 {
				t.Errorf("while the source is away: %v", got)
			}
			away.Store(false)
			time.Sleep(time.Minute) // of the bubble
			w.advance(time.Minute)
			synctest.Wait()
			w.stop()
			w.once(2, "the source is back")
		})
	}
	f(hints(1, 60))
	f(byKey + "," + hints(64, 60))
}

// TestForgottenGroupInAnotherBucket: the chain of manifests goes on where the
// destination has moved to, and is found there, too.
func TestForgottenGroupInAnotherBucket(t *testing.T) {
	f := func(moved int) {
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			w := newWorld(t, config{outside: topic})
			w.createFrom(hints(1, 60))
			for i := range 6 {
				if i == moved {
					w.must("UpdateDestination", updating(1, extended(`"BucketARN":"arn:aws:s3:::pond"`)))
				}
				topic.produce(0, start.UnixMilli(), numbered(i, i+1)...)
				synctest.Wait()
				w.advance(time.Minute)
				synctest.Wait()
			}
			w.stop()
			topic.parts[0].committed = firehose.Committed{}
			w = newWorld(t, config{outside: topic, disk: w.disk, store: w.store, defs: w.defs, at: w.clock.Now()})
			synctest.Wait()
			topic.produce(0, start.UnixMilli(), numbered(6, 7)...)
			synctest.Wait()
			for range 3 {
				w.advance(time.Minute)
				synctest.Wait()
			}
			s := w.status()
			w.stop()
			if s.Err != nil || s.Delivered != 1 || s.Lag != 0 {
				t.Errorf("moved before %d: %+v", moved, s)
			}
		})
	}
	f(0)
	f(3)
	f(5)
}

// TestDamagedScratch: what the scratch loses is read from the source again, also
// where nothing else would be read: at the end of a part, and before a gap.
func TestDamagedScratch(t *testing.T) {
	f := func(what string, before func(topic *fakeTopic), lost int64) {
		synctest.Test(t, func(t *testing.T) {
			topic, scratch := newFakeTopic(1), vfs.NewMem()
			w := newWorld(t, config{outside: topic, scratch: scratch, room: firehose.Config{SkipGaps: true}})
			w.createFrom(hints(1, 60))
			topic.produce(0, start.UnixMilli(), numbered(0, 50)...)
			synctest.Wait()
			scribble(t, scratch)
			before(topic)
			w.advance(time.Minute)
			time.Sleep(time.Minute) // of the bubble: the fetch under way ends
			for range 5 {
				w.advance(10 * time.Minute)
				time.Sleep(time.Second)
				synctest.Wait()
			}
			s := w.status()
			w.stop()
			if r := verified(t, w.disk); s.Delivered != max(50-lost, 0) || !r.Complete || len(r.Chains) != 1 || r.Chains[0].Lost != lost {
				t.Errorf("%s: %+v %+v", what, s, r)
			}
			if lost == 0 {
				w.once(50, what)
			}
			if s.Retries == 0 {
				t.Errorf("%s: the damage did not show: %+v", what, s)
			}
			if left := files(scratch, "/scratch"); len(left) > 0 {
				t.Errorf("%s: left over: %v", what, left)
			}
		})
	}
	f("a part that goes on", func(*fakeTopic) {}, 0)
	f("the end of a part", func(topic *fakeTopic) {
		topic.mu.Lock()
		defer topic.mu.Unlock()
		topic.parts[0].ended = true
		topic.notify()
	}, 0)
	f("a gap", func(topic *fakeTopic) {
		topic.lose(0, 52)
		synctest.Wait()
		topic.produce(0, start.UnixMilli(), nil, nil)
	}, 52)
}

// scribble changes a byte of every file.
func scribble(t *testing.T, scratch *vfs.Mem) {
	t.Helper()
	for _, name := range files(scratch, "/scratch") {
		f, err := scratch.OpenFile(name, os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("x"), 100); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpoolIsBounded: a part that has used its share up delivers early, and one
// that cannot deliver reads no more.
func TestSpoolIsBounded(t *testing.T) {
	f := func(members string, record func(i int) string) {
		synctest.Test(t, func(t *testing.T) {
			topic := newFakeTopic(1)
			store, disk := newFlaky(t)
			w := newWorld(t, config{outside: topic, disk: disk, store: store, room: firehose.Config{SpoolBytes: 8 << 20}})
			w.createFrom(members)
			var most int64
			n := 0
			send := func(k int) {
				for range k {
					topic.produce(0, start.UnixMilli(), []byte(record(n)+strings.Repeat(".", 1<<20)+"\n"))
					n++
				}
				synctest.Wait()
				most = max(most, w.status().SpoolBytes)
			}
			for range 8 {
				send(2)
			}
			if s := w.status(); s.Delivered < 8 {
				t.Errorf("before any hint: %+v", s)
			}
			down := errors.New("the store is down")
			store.fail.Store(&down)
			for range 12 {
				send(2)
			}
			time.Sleep(time.Minute) // of the bubble: somebody looks how far the part goes
			if s := w.status(); s.Lag != int64(n)-s.Delivered || s.Lag < 16 || most > 13<<20 {
				t.Errorf("%d bytes of scratch at most: %+v", most, s)
			}
			store.fail.Store(nil)
			for range 4 {
				w.advance(10 * time.Minute)
				synctest.Wait()
			}
			w.stop()
			w.once(n, "bounded")
		})
	}
	f(hints(128, 600), func(i int) string { return fmt.Sprintf("<%d>", i) })
	f(byKey+","+hints(128, 600), func(i int) string { return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`, 'a'+i%3, i) })
}

// TestSealedBatchesFromOutside are events again.
func TestSealedBatchesFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		w := newWorld(t, config{outside: topic})
		w.createFrom(extract + "," + hints(1, 60))
		topic.mu.Lock()
		for i := range 3 {
			b := seal(t, fmt.Sprintf("<%d>", 2*i), fmt.Sprintf("<%d>", 2*i+1))
			topic.parts[0].records = append(topic.parts[0].records, firehose.Record{
				Number: uint64(i), Place: firehose.Place{Number: uint64(i) + 1}, Arrived: start.UnixMilli(), Value: bytes.Clone(b.Record()), Batch: true,
				Filter: "errors", Key: firehose.Key{Stream: 1, First: uint64(i)},
			})
		}
		topic.notify()
		topic.mu.Unlock()
		synctest.Wait()
		if s := w.status(); s.InFlight != 6 || s.Lag != 3 {
			t.Errorf("%+v", s)
		}
		w.advance(time.Minute)
		synctest.Wait()
		if s := w.status(); s.Delivered != 6 || s.Quarantined != 0 {
			t.Errorf("%+v", s)
		}
		w.stop()
		w.once(6, "batches")
	})
}
