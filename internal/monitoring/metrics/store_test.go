package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	scope = catalog.Scope{Account: "111111111111", Region: "us-east-1"}
	start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// bench is a store over one log in memory.
type bench struct {
	t     testing.TB
	fs    vfs.FS
	log   *wal.Log
	clock *clock.Test
	store *Store
}

func open(t testing.TB, fs vfs.FS, at time.Time) *bench {
	t.Helper()
	b := &bench{t: t, fs: fs, clock: clock.NewTest(at)}
	if err := b.open(Config{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) open(cfg Config) (err error) {
	if err := vfs.MkdirAllSync(b.fs, "/wal"); err != nil {
		return err
	}
	if b.log, err = wal.Open(b.fs, wal.Config{Dir: "/wal", SegmentBytes: 64 << 10}); err != nil {
		return err
	}
	cfg.FS, cfg.Dir, cfg.Clock, cfg.Logs = b.fs, "/metrics", b.clock, []*wal.Log{b.log}
	if b.store, err = Open(cfg); err != nil {
		err = errors.Join(err, b.log.Close())
	}
	return err
}

// put makes samples durable: by their own frame, or beside matches.
func (b *bench) put(beside bool, d *Deltas) error {
	var err error
	if beside {
		p := event.AppendMatches(nil, 1, 0, nil)
		_, err = b.log.Append(b.t.Context(), wal.TypeMatches, 0, event.AppendDeltas(p, d.Append))
	} else {
		_, err = b.log.Append(b.t.Context(), wal.TypeMetrics, 0, d.Append(nil))
	}
	d.Reset()
	return err
}

func (b *bench) close() {
	b.t.Helper()
	if err := b.log.Close(); err != nil {
		b.t.Error(err)
	}
}

func metric(name string, dims ...string) Metric {
	m := Metric{Namespace: "shop", Name: name, Unit: NoUnit}
	for i := 0; i < len(dims); i += 2 {
		m.Dimensions = append(m.Dimensions, Dimension{dims[i], dims[i+1]})
	}
	return m
}

func add(d *Deltas, m Metric, at time.Time, values ...float64) {
	for _, v := range values {
		d.Of(AppendKey(nil, scope, m)).Add(at.UnixMilli(), v, 1, false)
	}
}

// values asks for a statistic of an hour by the minute: minute:value.
func (b *bench) values(m Metric, stat string) map[int]float64 {
	b.t.Helper()
	points, err := b.store.Statistics(scope, m, stat, time.Minute, start, start.Add(time.Hour))
	if err != nil {
		b.t.Fatal(err)
	}
	got := map[int]float64{}
	for _, p := range points {
		got[int(p.At.Sub(start)/time.Minute)] = p.Value
	}
	return got
}

func (b *bench) want(m Metric, stat string, want map[int]float64) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.values(m, stat)); diff != "" {
		b.t.Errorf("%s of %s: want - got +\n%s", stat, m.Name, diff)
	}
}

func TestStatisticsOfAMetric(t *testing.T) {
	b := open(t, vfs.NewMem(), start.Add(10*time.Minute))
	defer b.close()
	m, other := metric("latency", "b", "2", "a", "1"), metric("latency")
	d := &Deltas{}
	add(d, m, start, 1, 2, 3, 4)
	add(d, m, start.Add(59*time.Second), 5)
	add(d, m, start.Add(60*time.Second), 9)
	add(d, other, start, 100)
	if err := b.put(true, d); err != nil {
		t.Fatal(err)
	}
	add(d, metric("latency", "a", "1", "b", "2"), start.Add(time.Minute), 11)
	if err := b.put(false, d); err != nil {
		t.Fatal(err)
	}
	for range 2 { // from memory, then from a file
		b.want(m, "Sum", map[int]float64{0: 15, 1: 20})
		b.want(m, "Average", map[int]float64{0: 3, 1: 10})
		b.want(m, "Minimum", map[int]float64{0: 1, 1: 9})
		b.want(m, "Maximum", map[int]float64{0: 5, 1: 11})
		b.want(m, "SampleCount", map[int]float64{0: 5, 1: 2})
		b.want(m, "p50", map[int]float64{0: 3, 1: 9})
		b.want(m, "p100", map[int]float64{0: 5, 1: 11})
		b.want(m, "tm80", map[int]float64{0: 2.5, 1: (9 + 0.6*11) / 1.6})
		b.want(other, "Sum", map[int]float64{0: 100})
		b.want(metric("none"), "Sum", map[int]float64{})
		if err := b.store.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.store.Needed(0); got != b.log.Durable()+1 {
		t.Errorf("position %d of the log is needed, it ends at %d", got, b.log.Durable())
	}
}

// TestRandomTotals compares a store that is checkpointed, merged and opened
// again at random with a model.
func TestRandomTotals(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fs := vfs.NewMem()
	b := open(t, fs, start)
	model := map[string]map[int]float64{}
	for step := range 400 {
		d := &Deltas{}
		for range 1 + rng.IntN(5) {
			name := fmt.Sprint("m", rng.IntN(20))
			minute, v := rng.IntN(60), float64(rng.IntN(100))
			add(d, metric(name), start.Add(time.Duration(minute)*time.Minute), v)
			if model[name] == nil {
				model[name] = map[int]float64{}
			}
			model[name][minute] += v
		}
		if err := b.put(rng.IntN(2) == 0, d); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(10) == 0 {
			if err := b.store.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
		if rng.IntN(40) == 0 {
			fs = fs.CrashClone(vfs.CrashOptions{})
			b.close()
			b = open(t, fs, start)
		}
		name := fmt.Sprint("m", rng.IntN(20))
		if model[name] != nil {
			b.want(metric(name), "Sum", model[name])
		}
		if t.Failed() {
			t.Fatal("step", step)
		}
	}
	for name, want := range model {
		b.want(metric(name), "Sum", want)
	}
	if files := b.store.Sizes().Files; files > 2*8 {
		t.Errorf("%d files", files)
	}
	b.close()
}

// TestCrashAtEveryOperation: whatever operation the machine fails at, each
// durable sample counts once, and none that was not durable is made up.
func TestCrashAtEveryOperation(t *testing.T) {
	for n := 0; ; n++ {
		mem := vfs.NewMem()
		var crashed *vfs.Mem
		ops := 0
		fs := vfs.Fault(mem, func(op vfs.Op) error {
			if op.Kind.Changes() {
				if ops == n {
					crashed = mem.CrashClone(vfs.CrashOptions{})
				}
				ops++
			}
			return nil
		})
		b := &bench{t: t, fs: fs, clock: clock.NewTest(start)}
		acknowledged, begun := 0.0, 0.0
		atCrash := [2]float64{-1, -1}
		note := func() {
			if crashed != nil && atCrash[0] < 0 {
				atCrash = [2]float64{acknowledged, begun}
			}
		}
		if err := b.open(Config{MergeFiles: 2}); err != nil {
			t.Fatal(err)
		}
		note()
		for i := range 6 {
			d := &Deltas{}
			add(d, metric("n"), start.Add(time.Duration(i)*time.Minute), 1)
			begun++
			if err := b.put(i%2 == 0, d); err != nil {
				t.Fatal(err)
			}
			note()
			acknowledged++
			if err := b.store.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			note()
		}
		b.close()
		if crashed == nil {
			if n < 50 {
				t.Errorf("only %d operations", n)
			}
			return
		}
		note()
		again := open(t, crashed, start)
		var sum float64
		for _, v := range again.values(metric("n"), "Sum") {
			sum += v
		}
		again.close()
		if sum < atCrash[0] || sum > atCrash[1] {
			t.Fatalf("crash at operation %d: %v samples, %v were acknowledged and %v begun", n, sum, atCrash[0], atCrash[1])
		}
	}
}

// TestFailingDisk: what a checkpoint cannot write stays in memory.
func TestFailingDisk(t *testing.T) {
	for n := 0; ; n++ {
		left, failed := n, false
		armed := false
		fs := vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
			if armed && op.Kind.Changes() && !failed {
				if left--; left < 0 {
					failed = true
					return errors.New("disk is on fire")
				}
			}
			return nil
		})
		b := &bench{t: t, fs: fs, clock: clock.NewTest(start)}
		if err := b.open(Config{MergeFiles: 2}); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			d := &Deltas{}
			add(d, metric("n"), start, 1)
			if err := b.put(true, d); err != nil {
				t.Fatal(err)
			}
			armed = true
			_ = b.store.Checkpoint() // may fail, once
			armed = false
			b.want(metric("n"), "Sum", map[int]float64{0: float64(i + 1)})
		}
		b.close()
		if !failed {
			return
		}
		if err := b.open(Config{}); err != nil {
			t.Fatal(err)
		}
		b.want(metric("n"), "Sum", map[int]float64{0: 4})
		b.close()
		if t.Failed() {
			t.Fatal("failure of operation", n)
		}
	}
}

func TestSamplesGetCoarserByTime(t *testing.T) {
	b := open(t, vfs.NewMem(), start)
	defer b.close()
	d := &Deltas{}
	for i := range 600 {
		d.Of(AppendKey(nil, scope, metric("m"))).Add(start.Add(time.Duration(i)*time.Second).UnixMilli(), 1, 1, true)
	}
	if err := b.put(false, d); err != nil {
		t.Fatal(err)
	}
	f := func(after, period time.Duration, want ...float64) {
		t.Helper()
		if err := b.clock.Set(t.Context(), start.Add(after)); err != nil {
			t.Fatal(err)
		}
		for range 3 { // until the day's file is rewritten
			d := &Deltas{}
			add(d, metric("other"), start.Add(after), 1)
			if err := errors.Join(b.put(false, d), b.store.Checkpoint()); err != nil {
				t.Fatal(err)
			}
		}
		points, err := b.store.Statistics(scope, metric("m"), "Sum", period, start, start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, p := range points {
			got = append(got, p.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %v by %v: want - got +\n%s", after, period, diff)
		}
	}
	ten := []float64{10, 10, 10, 10, 10, 10, 10, 10, 10, 10}
	f(time.Hour, 10*time.Second, append(append(append(append(append(ten, ten...), ten...), ten...), ten...), ten...)...)
	f(4*time.Hour, 10*time.Second)
	f(4*time.Hour, 5*time.Minute, 300, 300)
	f(14*24*time.Hour, 5*time.Minute, 300, 300)
	f(20*24*time.Hour, time.Minute)
	f(20*24*time.Hour, 5*time.Minute, 300, 300)
	f(80*24*time.Hour, 5*time.Minute)
	f(80*24*time.Hour, time.Hour, 600)
	f(460*24*time.Hour, time.Hour)
}

// TestStatisticsAreNumbers: values are bounded, so that sums are, and a sum of a
// time when they were not is no datapoint.
func TestStatisticsAreNumbers(t *testing.T) {
	b := open(t, vfs.NewMem(), start.Add(10*time.Minute))
	defer b.close()
	d := &Deltas{}
	m := metric("m")
	add(d, m, start, 1, math.MaxFloat64, -2*MaxMagnitude, math.Inf(1), math.NaN(), MaxMagnitude)
	p := d.Of(AppendKey(nil, scope, m))
	p.Add(start.UnixMilli(), 1, math.MaxFloat64, false)
	p.AddSet(start.UnixMilli(), 2, math.MaxFloat64, 0, 1, false)
	p.at(start.Add(time.Minute).UnixMilli(), false).add(math.MaxFloat64, 2) // as it was
	if err := b.put(false, d); err != nil {
		t.Fatal(err)
	}
	b.want(m, "Sum", map[int]float64{0: MaxMagnitude + 1})
	b.want(m, "SampleCount", map[int]float64{0: 2, 1: 2})
}

func TestList(t *testing.T) {
	b := open(t, vfs.NewMem(), start)
	d := &Deltas{}
	add(d, metric("b"), start, 1)
	add(d, metric("a", "k", "v"), start, 1)
	count := metric("b")
	count.Unit = "Count"
	add(d, count, start, 1)
	add(d, metric("old"), start.Add(-15*24*time.Hour), 1)
	if err := errors.Join(b.put(false, d), b.store.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	f := func(want ...string) {
		t.Helper()
		var got []string
		if err := b.store.List(scope, func(l Listed) bool {
			got = append(got, l.Namespace+" "+l.Name+" "+l.Label())
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want - got +\n%s", diff)
		}
	}
	f("shop a k=v", "shop b ")
	b.close()
	if err := b.open(Config{}); err != nil { // names come from the files
		t.Fatal(err)
	}
	f("shop a k=v", "shop b ")
	b.close()
}

// TestRunFreesTheLog: a segment that is full does not wait for the clock, which
// stands still.
func TestRunFreesTheLog(t *testing.T) {
	b := open(t, vfs.NewMem(), start)
	defer b.close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.store.Run(ctx) }()
	want := 0.0
	for len(b.log.Segments()) < 4 {
		d := &Deltas{}
		for i := range 100 {
			add(d, metric("n", "k", fmt.Sprint(i)), start, 1)
		}
		if err := b.put(false, d); err != nil {
			t.Fatal(err)
		}
		want++
	}
	segments := b.log.Segments()
	last := segments[len(segments)-1].First
	for b.store.Needed(0) < last {
		if b.store.CatchUp() != nil || t.Context().Err() != nil {
			t.Fatal("the log is still needed from", b.store.Needed(0))
		}
		runtime.Gosched()
	}
	b.want(metric("n", "k", "7"), "Sum", map[int]float64{0: want})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
