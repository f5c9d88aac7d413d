package firehose_test

import (
	"context"
	"io"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/firehose"
	"sluice/internal/event"
	"sluice/internal/objput"
)

// TestFencing puts a rival's object, or manifest, where ours would go.
func TestFencing(t *testing.T) {
	f := func(name string, forge func(key string) (string, objput.Object)) {
		t.Helper()
		store, disk := newFlaky(t)
		rival := &rivalStore{Store: store, forge: forge}
		w := newWorld(t, config{disk: disk, store: rival})
		route := w.create(hints(5, 60))
		w.put(route, "a")
		w.advance(time.Minute)
		s := w.status()
		if s.Condition != firehose.Fenced || s.Delivered != 0 || s.InFlight != 1 {
			t.Fatalf("%s: %+v", name, s)
		}
		puts := store.puts.Load()
		w.advance(time.Hour)
		if store.puts.Load() != puts {
			t.Errorf("%s: a fenced stream puts on", name)
		}
		w.must("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`)
	}
	object := func(meta map[string]string) func(string) (string, objput.Object) {
		return func(key string) (string, objput.Object) {
			return key, objput.Object{Body: strings.NewReader("rival"), Size: 5, Meta: meta}
		}
	}
	mine := map[string]string{
		"sluice-stream": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "sluice-shard": "0",
		"sluice-start": "0", "sluice-end": "2", "sluice-count": "1", "sluice-xxh64": "d24ec4f1a98c6e5b",
	}
	f("no metadata", object(nil))
	for _, key := range []string{"sluice-end", "sluice-xxh64", "sluice-count"} {
		other := maps.Clone(mine)
		other[key] = "9"
		f("other "+key, object(other))
	}
	f("other manifest", func(string) (string, objput.Object) {
		return "_sluice/commit/lake/0/00000000000000000001.json", objput.Object{Body: strings.NewReader("{}"), Size: 2}
	})

	// Where the cut has a manifest already, nothing is put at all.
	for _, text := range []string{`{}`, `no JSON`, `{"objects":[{"key":"2026/01/02/03/other"}]}`} {
		store, disk := newFlaky(t)
		w := newWorld(t, config{disk: disk, store: store})
		w.put(w.create(hints(5, 60)), "a")
		if err := store.Store.PutIfAbsent(t.Context(), "lake", "_sluice/commit/lake/0/00000000000000000001.json",
			objput.Object{Body: strings.NewReader(text), Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Minute)
		if s := w.status(); s.Condition != firehose.Fenced || store.puts.Load() != 0 {
			t.Errorf("%s: %d puts, %+v", text, store.puts.Load(), s)
		}
	}

	// The same records under the same range are our own earlier attempt.
	store, disk := newFlaky(t)
	w := newWorld(t, config{disk: disk, store: &rivalStore{Store: store, forge: object(mine)}})
	w.put(w.create(hints(5, 60)), "a")
	w.advance(time.Minute)
	if s := w.status(); s.Condition != firehose.Delivering || s.Delivered != 1 || s.ObjectBytes != 5 {
		t.Errorf("%+v", s)
	}
}

// rivalStore puts something before the first put.
type rivalStore struct {
	objput.Store
	forge func(key string) (string, objput.Object)
	once  sync.Once
}

func (s *rivalStore) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	s.once.Do(func() {
		k, forged := s.forge(key)
		if err := s.Store.PutIfAbsent(ctx, bucket, k, forged); err != nil {
			panic(err)
		}
	})
	return s.Store.PutIfAbsent(ctx, bucket, key, o)
}

// TestNamesFollowFromTheFirstPosition: two processes that went on from one data
// folder, with other events each, must run into each other's objects.
func TestNamesFollowFromTheFirstPosition(t *testing.T) {
	f := func(minutes ...int) string {
		t.Helper()
		w := newWorld(t, config{at: start.Add(time.Hour)})
		route := w.create(eventTime + "," + extract + "," + hints(64, 60))
		for _, m := range minutes {
			at := start.Truncate(time.Hour).Add(time.Duration(m) * time.Minute)
			if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: timed(t, at, "x")}); err != nil {
				t.Fatal(err)
			}
		}
		w.advance(time.Hour)
		objects := w.objects()
		if len(objects) != 1 {
			t.Fatalf("%d objects", len(objects))
		}
		return objects[0].key
	}
	if one, other := f(30, 40), f(30, 20); one != other {
		t.Errorf("%s and %s hold the same first event", one, other)
	}
}

// lostStore is one whose objects are not there for a while.
type lostStore struct {
	objput.Store
	lost *atomic.Bool
}

func (s lostStore) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	if s.lost.Load() {
		return nil, objput.ErrNotFound
	}
	return s.Store.Get(ctx, bucket, key)
}

// TestManifestsThatComeBack: a part whose manifests are gone puts nothing, and goes on
// when they are there again.
func TestManifestsThatComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(1)
		w := newWorld(t, config{outside: topic})
		w.createFrom(hints(1, 60))
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		synctest.Wait()
		w.advance(time.Minute)
		synctest.Wait()
		w.stop()
		var lost atomic.Bool
		lost.Store(true)
		topic.produce(0, start.UnixMilli(), numbered(3, 5)...)
		w = newWorld(t, config{outside: topic, disk: w.disk, store: lostStore{w.store, &lost}, at: w.clock.Now()})
		w.createFrom(hints(1, 60))
		synctest.Wait()
		for range 3 {
			w.advance(time.Minute)
			synctest.Wait()
		}
		if s := w.status(); s.Condition != firehose.Fenced || s.Delivered != 0 || s.Parts != 1 {
			t.Errorf("without manifests: %+v", s)
		}
		lost.Store(false)
		for range 3 {
			w.advance(time.Minute)
			synctest.Wait()
		}
		if s := w.status(); s.Condition != firehose.Delivering || s.Delivered != 2 {
			t.Errorf("with manifests again: %+v", s)
		}
		w.stop()
		w.once(5, "the manifests came back")
	})
}
