package firehose_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/firehose"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/vfs"
)

// machine crashes at its n-th step: an operation that changes the disk of the
// objects, or a frame of the log just before or just after it became durable.
// What it leaves is the disk after a power failure and the durable frames.
type machine struct {
	seed, at uint64

	mu     sync.Mutex
	steps  uint64
	mem    *vfs.Mem
	log    *fakeLog
	t      testing.TB
	disk   *vfs.Mem // after the crash
	frames *fakeLog
	where  string
}

func (m *machine) step(what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.disk != nil {
		return errCrashed
	}
	m.steps++
	if m.steps <= m.at {
		return nil
	}
	r := rand.New(rand.NewPCG(m.seed, m.at))
	m.where = what
	m.disk = m.mem.CrashClone(vfs.CrashOptions{Rand: r, TornLastWrite: true})
	m.frames = m.log.restarted(m.t, r.IntN(12))
	return errCrashed
}

// boot starts a process on what an earlier one left, or on nothing.
func (m *machine) boot(t testing.TB, disk *vfs.Mem, log *fakeLog, defs *catalog.Catalog, at time.Time) (*world, error) {
	return m.bootWith(t, disk, log, defs, at, firehose.Config{})
}

func (m *machine) bootWith(t testing.TB, disk *vfs.Mem, log *fakeLog, defs *catalog.Catalog, at time.Time, room firehose.Config) (*world, error) {
	m.t, m.mem, m.log = t, disk, log
	log.step = m.step
	fsys := vfs.Fault(disk, func(op vfs.Op) error {
		if !op.Kind.Changes() {
			return nil
		}
		return m.step(fmt.Sprint(op.Kind, " ", op.Name))
	})
	store, err := objput.OpenFolder(fsys, "/s3")
	if err != nil {
		return nil, err
	}
	return newWorld(t, config{disk: disk, store: store, log: log, defs: defs, at: at, room: room}), nil
}

// acked collects what the log acknowledged.
type acked map[string]bool

func (a acked) note(err error, texts ...string) error {
	if err == nil {
		for _, s := range texts {
			a[s] = true
		}
	}
	return err
}

// scenario delivers batches and records by interval and by size, and stops at
// the crash.
func scenario(w *world, route uint64, done acked, n *int) error {
	id := func(pad int) string {
		*n++
		return fmt.Sprintf("<%d>%s", *n, strings.Repeat(".", pad))
	}
	match := func(pad, events int) error {
		var texts []string
		for range events {
			texts = append(texts, id(pad))
		}
		batch := seal(w, texts...)
		ids := make([]string, len(texts))
		for i, s := range texts {
			ids[i] = s[:strings.IndexByte(s, '>')+1]
		}
		return done.note(w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: batch, Filter: "f"}), ids...)
	}
	for _, act := range []func() error{
		func() error { return match(10, 3) },
		func() error { return match(10, 1) },
		func() error { return w.clock.Advance(context.Background(), time.Minute) },
		func() error { return match(200<<10, 3) },
		func() error { return match(200<<10, 3) },
		func() error { return match(10, 2) },
		func() error { return w.clock.Advance(context.Background(), time.Minute) },
		func() error { return match(10, 1) },
		func() error { return w.clock.Advance(context.Background(), time.Minute) },
	} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// TestCrashAtEveryStep crashes at every step of the protocol, restarts, crashes
// again at some step of the restart, restarts, and then wants every
// acknowledged event in exactly one object, whatever the crashes left.
func TestCrashAtEveryStep(t *testing.T) {
	hit := map[string]int{}
	for at := uint64(0); ; at += stride {
		if !crashAt(t, at, hit) {
			if at < 60 {
				t.Errorf("only %d steps", at)
			}
			break
		}
	}
	if stride > 1 {
		return
	}
	for _, point := range []string{"before 4", "after 4", "before 5", "after 5", "link", "rename", "sync"} { // Plan, Commit
		n := 0
		for where := range hit {
			if strings.HasPrefix(where, point) {
				n++
			}
		}
		if n == 0 {
			t.Errorf("no crash at %q", point)
		}
	}
}

func crashAt(t *testing.T, at uint64, hit map[string]int) bool {
	defs, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	first := &machine{seed: 1, at: at}
	disk, log := vfs.NewMem(), newFakeLog(1)
	setup := newWorld(t, config{disk: disk, log: log, defs: defs}) // the definition is durable before
	route := setup.create(hints(1, 60) + "," + extract + `,"CompressionFormat":"GZIP"`)
	setup.stop()

	done, n, now := acked{}, 0, start
	for range 5 * (1 - min(1, at%4)) { // a backlog, now and then, of which the first cut makes several objects
		n++
		id := fmt.Sprintf("<%d>", n)
		if err := done.note(log.match(route, 0, start.UnixMilli(), event.Delivery{Batch: seal(t, id+strings.Repeat(".", 1<<20)), Filter: "f"}), id); err != nil {
			t.Fatal(err)
		}
	}
	crashed := false
	for _, m := range []*machine{first, {seed: 2, at: at*7%23 + 1}, {seed: 3, at: 1 << 40}} {
		w, err := m.boot(t, disk, log, defs, now)
		if err == nil {
			err = scenario(w, route, done, &n)
			now = w.clock.Now()
			w.stop()
		}
		if m.disk == nil {
			if err != nil {
				t.Fatalf("crash at %d: without a crash: %v", at, err)
			}
			continue
		}
		if err != nil && !errors.Is(err, errCrashed) {
			t.Fatalf("crash at %d: %v", at, err)
		}
		crashed = crashed || m == first
		hit[m.where]++
		disk, log = m.disk, m.frames
		log.step = func(string) error { return nil }
	}

	last := newWorld(t, config{disk: disk, log: log, defs: defs, at: now})
	last.advance(2 * time.Minute)
	last.stop()
	last.onceEach(done, fmt.Sprintf("crash at %d, %s", at, first.where))
	return crashed
}

// onceEach wants every acknowledged id in the objects once, and no id twice.
func (w *world) onceEach(done acked, what string) {
	w.Helper()
	seen := map[string]int{}
	records := int64(0)
	for _, o := range w.objects() {
		for line := range strings.Lines(o.text) {
			records++
			seen[line[:strings.IndexByte(line, '>')+1]]++
		}
	}
	for id := range done {
		if seen[id] == 0 {
			w.Errorf("%s: %s is lost", what, id)
		}
	}
	for id, n := range seen {
		if n > 1 {
			w.Errorf("%s: %s is there %d times", what, id, n)
		}
	}
	listed, inManifests := int64(0), int64(0)
	for _, m := range w.chain("lake", 0) {
		inManifests += m.Records
		listed += int64(len(m.Objects))
	}
	s := w.status()
	if s.Delivered != records || inManifests != records || s.Objects != listed || int(listed) != len(w.objects()) || s.InFlight != 0 {
		w.Errorf("%s: %d records in %d objects; manifests say %d in %d; status %+v",
			what, records, len(w.objects()), inManifests, listed, s)
	}
}
