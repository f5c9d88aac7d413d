package filter_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/filter"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// definitions is a settable list of filter versions.
type definitions struct {
	mu         sync.Mutex
	versions   []catalog.SubscriptionFilter
	generation uint64
}

func (d *definitions) FilterVersions() []catalog.SubscriptionFilter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.versions)
}

func (d *definitions) Generation() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.generation
}

func (d *definitions) set(versions ...catalog.SubscriptionFilter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.versions = versions
	d.generation++
}

// bench is a dispatcher over one log in memory.
type bench struct {
	t     *testing.T
	fs    *vfs.Mem
	log   *wal.Log
	state *filter.State
	defs  *definitions
	d     *filter.Dispatcher

	published chan uint64
	stop      func()
}

func start(t *testing.T, fs *vfs.Mem, defs *definitions) *bench {
	t.Helper()
	return startOn(t, fs, 0, defs, wal.Config{})
}

func startOn(t *testing.T, fs *vfs.Mem, shard uint32, defs *definitions, cfg wal.Config) *bench {
	t.Helper()
	b := startFS(t, fs, shard, defs, cfg, func() {})
	b.fs = fs
	return b
}

// startFS calls opened between the log's recovery and the dispatcher's start.
func startFS(t *testing.T, fs vfs.FS, shard uint32, defs *definitions, cfg wal.Config, opened func()) *bench {
	t.Helper()
	b := &bench{t: t, state: filter.NewState(), defs: defs, published: make(chan uint64, 1000)}
	err := vfs.MkdirAllSync(fs, "/wal")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.Shard, cfg.Folders = "/wal", shard, []wal.Folder{b.state}
	if b.log, err = wal.Open(fs, cfg); err != nil {
		t.Fatal(err)
	}
	opened()
	b.d = filter.New(filter.Config{
		Definitions: defs, Clock: clock.NewTest(time.UnixMilli(9_000)), Logger: slog.New(slog.DiscardHandler),
		Published: func(keys ...uint64) {
			for _, k := range keys {
				b.published <- k
			}
		},
	}, filter.Shard{Number: shard, Log: b.log, State: b.state})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.d.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.log.Close() // its durable frames are what the test reads on
	})
	t.Cleanup(b.stop)
	return b
}

func (b *bench) put(group uint64, messages ...string) uint64 {
	b.t.Helper()
	builder := event.GetBuilder(1 << 20)
	defer builder.Release()
	for _, m := range messages {
		if err := builder.Append(5, []byte(m)); err != nil {
			b.t.Fatal(err)
		}
	}
	sealed, err := builder.Seal(event.Header{GroupUID: group, StreamUID: 1}, event.Source{})
	if err != nil {
		b.t.Fatal(err)
	}
	seq, err := b.log.Append(b.t.Context(), wal.TypeBatch, group, sealed.Record())
	if err != nil {
		b.t.Fatal(err)
	}
	return seq
}

// await takes the next n keys that were published.
func (b *bench) await(n int) (keys []uint64) {
	b.t.Helper()
	for range n {
		select {
		case k := <-b.published:
			keys = append(keys, k)
		case <-time.After(30 * time.Second):
			b.t.Fatal("nothing was published")
		}
	}
	slices.Sort(keys)
	return keys
}

// delivered lists, by key, every matched message that is durable in the log.
func (b *bench) delivered() map[uint64][]string {
	b.t.Helper()
	got := map[uint64][]string{}
	for seq := b.log.First(); seq <= b.log.Durable(); seq++ {
		f, err := b.log.Read(seq)
		if err != nil {
			b.t.Fatal(err)
		}
		if f.Type != wal.TypeMatches {
			continue
		}
		m, err := event.OpenMatches(f.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		for e := range m.Entries() {
			d, err := e.Delivery(func(n uint64) (event.Batch, error) {
				f, err := b.log.Read(n)
				if err != nil {
					return event.Batch{}, err
				}
				return event.Open(f.Payload)
			})
			if err != nil {
				b.t.Fatal(err)
			}
			for lo, hi := range d.Batch.Runs(d.Selection) {
				for i := lo; i < hi; i++ {
					got[e.Key] = append(got[e.Key], string(d.Batch.Message(i)))
				}
			}
		}
	}
	return got
}

func version(uid, group, route uint64, pattern string, from uint64, to ...uint64) catalog.SubscriptionFilter {
	return catalog.SubscriptionFilter{UID: uid, Filter: uid, GroupUID: group, Name: fmt.Sprint("f", uid), Pattern: pattern, Route: route, From: []uint64{from}, To: to}
}

func want(t *testing.T, got []string, wanted ...string) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("got %q, want %q", got, wanted)
	}
}

func TestDispatcherSendsMatchesAndOnlyThem(t *testing.T) {
	defs := &definitions{}
	defs.set(version(1, 10, 100, "ERROR", 0), version(2, 10, 200, "-ERROR", 0), version(3, 20, 100, "", 0))
	b := start(t, vfs.NewMem(), defs)
	b.put(10, "an ERROR", "fine", "ERROR again", strings.Repeat("long and fine ", 20))
	b.put(20, "whatever")
	b.put(30, "ERROR in a group without filters")
	b.put(10, "nothing here", "nor here")
	b.stop()
	b = start(t, b.fs, defs)
	b.put(20, "last")
	for len(b.delivered()[100]) < 4 {
		b.await(1)
	}
	got := b.delivered()
	want(t, got[100], "an ERROR", "ERROR again", "whatever", "last")
	want(t, got[200], "fine", strings.Repeat("long and fine ", 20), "nothing here", "nor here")
	f := func(uid, read, matched uint64) {
		t.Helper()
		if tally := b.d.Tally(uid); tally.Read != read || tally.Matched != matched {
			t.Errorf("filter %d: %+v, want %d read, %d matched", uid, tally, read, matched)
		}
	}
	f(1, 6, 2)
	f(2, 6, 4)
	f(3, 2, 2)
}

func TestVersionInForceAtTheBatchCounts(t *testing.T) {
	defs := &definitions{}
	b := start(t, vfs.NewMem(), defs)
	first := b.put(10, "A before")
	// The filter exists from the next position on and is replaced two later.
	defs.set(version(1, 10, 100, "A", first+1, first+3), version(2, 10, 100, "B", first+3))
	b.stop()
	fs := b.fs
	b = start(t, fs, &definitions{}) // nobody dispatches with filters yet
	b.put(10, "A one", "B one")
	b.put(10, "A two", "B two")
	b.put(10, "A three", "B three")
	b.stop()
	// A dispatcher that reads all of it again judges each batch by its position.
	b = start(t, fs.CrashClone(vfs.CrashOptions{}), defs)
	b.await(1)
	want(t, b.delivered()[100], "A one", "A two", "B three")
}

func TestPowerFailureLosesAndDoublesNoMatch(t *testing.T) {
	defs := &definitions{}
	defs.set(version(1, 10, 100, "ERROR", 0))
	fs := vfs.NewMem()
	b := start(t, fs, defs)
	for i := range 20 {
		b.put(10, fmt.Sprintf("ERROR %02d", i), "fine")
		if i%5 == 4 {
			// The machine fails with whatever the dispatcher has reached.
			clone := fs.CrashClone(vfs.CrashOptions{})
			b.stop()
			fs = clone
			b = start(t, fs, defs)
		}
	}
	var wanted []string
	for i := range 20 {
		wanted = append(wanted, fmt.Sprintf("ERROR %02d", i))
	}
	for len(b.delivered()[100]) < len(wanted) {
		b.await(1)
	}
	want(t, b.delivered()[100], wanted...)
}

func TestManyFiltersOnOneBatchFitInAFrame(t *testing.T) {
	defs := &definitions{}
	var versions []catalog.SubscriptionFilter
	for i := range uint64(300) {
		versions = append(versions, version(i+1, 10, 100+i, "ERROR", 0))
	}
	defs.set(versions...)
	b := start(t, vfs.NewMem(), defs)
	// Each filter selects a third of a megabyte: copies for all would be 100 MB.
	b.put(10, "ERROR "+strings.Repeat("e", 15<<10), strings.Repeat("i", 35<<10))
	keys := b.await(300)
	if keys[0] != 100 || keys[299] != 399 {
		t.Error("keys", keys[0], keys[299])
	}
	got := b.delivered()
	for key := uint64(100); key < 400; key++ {
		if len(got[key]) != 1 || !strings.HasPrefix(got[key][0], "ERROR e") {
			t.Fatalf("key %d got %d events", key, len(got[key]))
		}
	}
}

func FuzzStateRestore(f *testing.F) {
	s := filter.NewState()
	s.Fold(wal.Frame{Type: wal.TypeMatches, Payload: event.AppendMatches(nil, 5, 6, []event.Tally{{Filter: 1, Read: 2, Matched: 1, Bytes: 9}})})
	f.Add(s.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		s := filter.NewState()
		if s.Restore(snapshot) == nil {
			if again := filter.NewState(); again.Restore(s.AppendSnapshot(nil)) != nil {
				t.Error("a snapshot of a restored state does not restore")
			}
		}
	})
}
