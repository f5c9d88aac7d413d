package firehose_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/firehose"
	"sluice/internal/verify"
)

// TestAPassWithoutAnAnswerComesBeforePlans: a commit that nobody answered may arrive
// late. It is made again, until there is an answer, before another one could be undone
// by it.
func TestAPassWithoutAnAnswerComesBeforePlans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		topic.numbers = true
		var deaf atomic.Bool
		var kept []uint64
		topic.step = func(_ *fakeMember, point string) error {
			switch {
			case point == "before commit" && deaf.Load():
				return errors.New("no answer")
			case point == "after commit":
				kept = append(kept, topic.parts[0].committed.Place.Number)
			}
			return nil
		}
		w := newWorld(t, config{outside: topic})
		w.createFrom(hints(1, 60))
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		synctest.Wait()
		w.advance(time.Minute)
		synctest.Wait()
		deaf.Store(true)
		kept = nil
		topic.produce(0, start.UnixMilli(), nil) // a tombstone, and nothing behind it
		time.Sleep(2 * time.Second)
		topic.produce(0, start.UnixMilli(), numbered(3, 6)...)
		time.Sleep(30 * time.Second) // until what is read next is no more than these
		synctest.Wait()
		deaf.Store(false)
		w.advance(time.Minute)
		synctest.Wait()
		if want := []uint64{4, 4, 7}; !slices.Equal(kept, want) { // the pass, the plan, its end
			t.Errorf("places were kept in the order %v, want %v", kept, want)
		}
		w.stop()
		w.once(6, "behind a pass without an answer")
	})
}

// TestLostBehindWhatWasPassed: positions of which nothing was to be delivered are not
// lost with those behind them.
func TestLostBehindWhatWasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		topic.numbers = true
		skip := firehose.Config{SkipGaps: true}
		w := newWorld(t, config{outside: topic, room: skip})
		w.createFrom(hints(1, 60))
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		synctest.Wait()
		w.advance(time.Minute)
		synctest.Wait()
		topic.produce(0, start.UnixMilli(), nil, nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.stop()
		topic.produce(0, start.UnixMilli(), numbered(3, 8)...)
		topic.lose(0, 10)
		topic.produce(0, start.UnixMilli(), numbered(8, 9)...)
		w = w.next(topic, hints(1, 60), skip)
		for range 3 {
			time.Sleep(time.Second)
			w.advance(time.Minute)
			synctest.Wait()
		}
		lost := w.status().LostPositions
		w.stop()
		r, err := verify.Run(t.Context(), verify.Config{Store: w.store.(verify.Store), Bucket: "lake"})
		if err != nil || !r.Complete || r.Chains[0].Lost != 5 || lost != 5 {
			t.Errorf("5 are lost, the counter says %d and the manifests %+v: %v", lost, r, err)
		}
	})
}
