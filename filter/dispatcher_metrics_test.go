package filter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/filter"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/monitoring/metrics"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// metricDefinitions is a list of metric filters that does not change.
type metricDefinitions []catalog.MetricFilter

func (d metricDefinitions) All() []catalog.MetricFilter { return d }

func (d metricDefinitions) Generation() uint64 { return 1 }

var metricScope = catalog.Scope{Account: "111111111111", Region: "us-east-1"}

// metricVersion is a filter on group 10 in force from the first position on.
func metricVersion(uid uint64, pattern, value string, change func(*catalog.MetricFilterVersion)) catalog.MetricFilter {
	v := catalog.MetricFilterVersion{
		UID: uid, Pattern: pattern, From: []uint64{0},
		Transformation: catalog.MetricTransformation{Name: fmt.Sprint("m", uid), Namespace: "n", Value: value},
	}
	if change != nil {
		change(&v)
	}
	return catalog.MetricFilter{Scope: metricScope, Filter: uid, GroupUID: 10, Name: fmt.Sprint("f", uid), Versions: []catalog.MetricFilterVersion{v}}
}

func withDefault(value float64) func(*catalog.MetricFilterVersion) {
	return func(v *catalog.MetricFilterVersion) { v.Transformation.DefaultValue = &value }
}

// metricBench is a dispatcher and a store of metrics over one log in memory.
type metricBench struct {
	t     testing.TB
	fs    vfs.FS
	log   *wal.Log
	d     *filter.Dispatcher
	store *metrics.Store
	stop  func()
}

func openMetrics(t testing.TB, fs vfs.FS, cfg filter.Config) (b *metricBench, err error) {
	t.Helper()
	b = &metricBench{t: t, fs: fs, stop: func() {}}
	if err := vfs.MkdirAllSync(fs, "/wal"); err != nil {
		return nil, err
	}
	state := filter.NewState()
	if b.log, err = wal.Open(fs, wal.Config{Dir: "/wal", Folders: []wal.Folder{state}, SegmentBytes: 64 << 10}); err != nil {
		return nil, err
	}
	clk := clock.NewTest(created)
	if b.store, err = metrics.Open(metrics.Config{FS: fs, Dir: "/metrics", Clock: clk, Logs: []*wal.Log{b.log}, MergeFiles: 2}); err != nil {
		return nil, errors.Join(err, b.log.Close())
	}
	cfg.Clock, cfg.Logger = clk, slog.New(slog.DiscardHandler)
	if cfg.Definitions == nil {
		cfg.Definitions, cfg.Published = &definitions{}, func(...uint64) {}
	}
	b.d = filter.New(cfg, filter.Shard{Log: b.log, State: state})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.d.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.log.Close() // its durable frames are what the test reads on
	}
	return b, nil
}

func startMetrics(t testing.TB, fs vfs.FS, cfg filter.Config) *metricBench {
	t.Helper()
	b, err := openMetrics(t, fs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put stores events that are a minute apart from each other: "3 text" is one of
// minute 3.
func (b *metricBench) put(events ...string) error {
	b.t.Helper()
	builder := event.GetBuilder(1 << 20)
	defer builder.Release()
	for _, e := range events {
		var minute int
		at, text, _ := strings.Cut(e, " ")
		if _, err := fmt.Sscan(at, &minute); err != nil {
			b.t.Fatal(err)
		}
		if err := builder.Append(created.Add(time.Duration(minute)*time.Minute).UnixMilli(), []byte(text)); err != nil {
			b.t.Fatal(err)
		}
	}
	sealed, err := builder.Seal(event.Header{GroupUID: 10, StreamUID: 1}, event.Source{Account: "222222222222", Region: "eu-west-1", LogGroup: "g", LogStream: "s"})
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = b.log.Append(b.t.Context(), wal.TypeBatch, 10, sealed.Record())
	return err
}

func (b *metricBench) settle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if err := b.d.Settle(ctx); err != nil {
		b.t.Fatal(err)
	}
}

// series lists what a metric has by minute and dimensions: "3 d=x": sum/count.
func (b *metricBench) series(name string) map[string]string {
	b.t.Helper()
	got := map[string]string{}
	if err := b.store.List(metricScope, func(l metrics.Listed) bool {
		if l.Name != name {
			return true
		}
		sums, err := b.store.Statistics(metricScope, l.Metric, "Sum", time.Minute, created, created.Add(time.Hour))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, p := range sums {
			key := strings.TrimSpace(fmt.Sprintf("%d %s", p.At.Sub(created)/time.Minute, l.Label()))
			got[key] = fmt.Sprintf("%g/%g", p.Value, p.SampleCount)
		}
		return true
	}); err != nil {
		b.t.Fatal(err)
	}
	return got
}

func TestSamplesOfMetricFilters(t *testing.T) {
	f := func(m catalog.MetricFilter, events []string, want map[string]string) {
		t.Helper()
		b := startMetrics(t, vfs.NewMem(), filter.Config{Metrics: metricDefinitions{m}, DimensionSets: 3})
		defer b.stop()
		if err := b.put(events...); err != nil {
			t.Fatal(err)
		}
		b.settle()
		if diff := cmp.Diff(want, b.series("m1")); diff != "" {
			t.Errorf("want - got +\n%s", diff)
		}
	}
	one := func(pattern, value string, change func(*catalog.MetricFilterVersion)) catalog.MetricFilter {
		return metricVersion(1, pattern, value, change)
	}
	dims := func(names ...string) func(*catalog.MetricFilterVersion) {
		return func(v *catalog.MetricFilterVersion) {
			v.Transformation.Dimensions = map[string]string{}
			for _, n := range names {
				v.Transformation.Dimensions[n] = "$." + n
			}
		}
	}
	// AWS's recorded examples.
	f(one("ERROR", "3", withDefault(7)), []string{"0 ERROR", "0 INFO", "0 ERROR"}, map[string]string{"0": "13/3"})
	f(one("ERROR", "3", withDefault(7)), []string{"0 INFO", "0 INFO", "0 INFO"}, map[string]string{"0": "21/3"})
	f(one("ERROR", "3", nil), []string{"0 INFO"}, map[string]string{})
	// Each event counts at its own time.
	f(one("ERROR", "1", nil), []string{"0 ERROR", "1 ERROR", "1 ERROR", "2 INFO", "7 ERROR"}, map[string]string{"0": "1/1", "1": "2/2", "7": "1/1"})
	f(one("ERROR", "1", withDefault(10)), []string{"0 ERROR", "1 INFO", "1 ERROR", "2 INFO"}, map[string]string{"0": "1/1", "1": "11/2", "2": "10/1"})
	// Fields.
	f(one("{ $.a = * }", "$.v", nil), []string{`0 {"a":1,"v":2.5}`, `0 {"a":1,"v":"4"}`, `0 {"a":1,"v":"x"}`, `0 {"a":1}`, `0 {"a":1,"v":null}`, `0 {"v":100}`}, map[string]string{"0": "6.5/2"})
	f(one("{ $.a = * }", "$.v", withDefault(1)), []string{`0 {"a":1,"v":2}`, `0 {"a":1}`, `0 {"a":1,"v":null}`, `0 {"a":1,"v":"x"}`, `0 {}`}, map[string]string{"0": "5/4"})
	// Beyond what CloudWatch takes, a value is none: sums of such have no number.
	f(one("{ $.a = * }", "$.v", nil), []string{`0 {"a":1,"v":1e308}`, `0 {"a":1,"v":1e308}`, `0 {"a":1,"v":-2.5e108}`, `0 {"a":1,"v":2e108}`}, map[string]string{"0": "2e+108/1"})
	f(one("[ip, size > 5]", "$size", nil), []string{"0 h 10", "0 h 1", "1 h 20"}, map[string]string{"0": "10/1", "1": "20/1"})
	// Dimensions: all of them or none.
	f(one("{ $.a = * }", "1", dims("d", "a")), []string{`0 {"a":"x","d":"y"}`, `0 {"a":"x","d":"z"}`, `0 {"a":"x"}`, `0 {"a":"x","d":"y"}`},
		map[string]string{"0 a=x,d=y": "2/2", "0 a=x,d=z": "1/1", "0": "1/1"})
	// A value that is too long is cut between two characters.
	long := strings.Repeat("x", 254)
	f(one("{ $.d = * }", "1", dims("d")), []string{`0 {"d":"` + long + `\u00e9y"}`}, map[string]string{"0 d=" + long: "1/1"})
	// More sets than the limit: to the series without dimensions.
	f(one("{ $.a = * }", "1", dims("a")), []string{`0 {"a":"1"}`, `0 {"a":"2"}`, `0 {"a":"3"}`, `0 {"a":"4"}`, `0 {"a":"1"}`, `0 {"a":"5"}`},
		map[string]string{"0 a=1": "2/2", "0 a=2": "1/1", "0 a=3": "1/1", "0": "2/2"})
	// System fields go on matches only.
	f(one("ERROR", "1", func(v *catalog.MetricFilterVersion) {
		v.EmitSystemFieldDimensions = []string{"@aws.region", "@aws.account"}
		withDefault(5)(v)
	}), []string{"0 ERROR", "0 INFO"}, map[string]string{"0 @aws.account=222222222222,@aws.region=eu-west-1": "1/1", "0": "5/1"})
	f(one("{ $.a = * }", "1", func(v *catalog.MetricFilterVersion) {
		dims("a")(v)
		v.EmitSystemFieldDimensions = []string{"@aws.region"}
	}), []string{`0 {"a":1}`}, map[string]string{"0 @aws.region=eu-west-1,a=1": "1/1"})
	// What the selection refuses has neither value nor default.
	selected := func(criteria string) func(*catalog.MetricFilterVersion) {
		return func(v *catalog.MetricFilterVersion) {
			v.FieldSelectionCriteria = criteria
			withDefault(5)(v)
		}
	}
	f(one("ERROR", "1", selected(`@aws.region = "eu-west-1"`)), []string{"0 ERROR", "0 INFO"}, map[string]string{"0": "6/2"})
	f(one("ERROR", "1", selected(`@aws.region = "eu-west-2"`)), []string{"0 ERROR", "0 INFO"}, map[string]string{})
}

func TestMetricFiltersOnlyWhileInForce(t *testing.T) {
	m := metricVersion(1, "ERROR", "1", func(v *catalog.MetricFilterVersion) { v.From, v.To = []uint64{2}, []uint64{3} })
	later := m.Versions[0]
	later.Transformation.Value, later.From, later.To = "10", []uint64{3}, nil
	m.Versions = append(m.Versions, later)
	b := startMetrics(t, vfs.NewMem(), filter.Config{})
	if err := errors.Join(b.put("0 ERROR"), b.put("1 ERROR"), b.put("2 ERROR")); err != nil { // positions 1 to 3
		t.Fatal(err)
	}
	b.stop()
	b = startMetrics(t, b.fs.(*vfs.Mem).CrashClone(vfs.CrashOptions{}), filter.Config{Metrics: metricDefinitions{m}})
	defer b.stop()
	b.settle()
	if diff := cmp.Diff(map[string]string{"1": "1/1", "2": "10/1"}, b.series("m1")); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	if tally := b.d.Tally(1); tally.Read != 2 || tally.Matched != 2 {
		t.Errorf("%+v", tally)
	}
}

// TestSamplesWaitASecond: nobody asks for them, and no more events come.
func TestSamplesWaitASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startMetrics(t, vfs.NewMem(), filter.Config{Metrics: metricDefinitions{metricVersion(1, "", "1", nil)}})
		defer b.stop()
		begin := time.Now()
		if err := b.put("0 event"); err != nil {
			t.Fatal(err)
		}
		for len(b.series("m1")) == 0 {
			if time.Since(begin) > 2*time.Second {
				t.Fatal("no samples after", time.Since(begin))
			}
			time.Sleep(100 * time.Millisecond) // of the bubble's clock
		}
		if d := time.Since(begin); d < time.Second {
			t.Error("samples did not wait for more:", d)
		}
	})
}

// TestCrashesDoubleNoSample: the machine fails at every operation of dispatcher
// and metric store; what was acknowledged counts once in the end.
func TestCrashesDoubleNoSample(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	cfg := filter.Config{Metrics: metricDefinitions{metricVersion(1, "ERROR", "1", withDefault(0)), metricVersion(2, "{ $.a = * }", "$.v", nil)}}
	for n := 0; ; n += step {
		if !crashAt(t, cfg, n) {
			if n < 60 {
				t.Errorf("only %d operations", n)
			}
			return
		}
		if t.Failed() {
			t.Fatal("crash at operation", n)
		}
	}
}

// crashAt runs three rounds and clones the disk before operation n; false if
// there were not so many.
func crashAt(t *testing.T, cfg filter.Config, n int) bool {
	t.Helper()
	mem := vfs.NewMem()
	var crashed *vfs.Mem
	ops := 0
	hit := make(chan struct{}, 1)
	fs := vfs.Fault(mem, func(op vfs.Op) error {
		if op.Kind.Changes() {
			if ops == n {
				crashed = mem.CrashClone(vfs.CrashOptions{})
				hit <- struct{}{}
			}
			ops++
		}
		return nil
	})
	b := startMetrics(t, fs, cfg)
	stored, begun, acknowledged := 0, 0, -1
	look := func() {
		select {
		case <-hit:
			acknowledged = stored
		default:
		}
	}
	for range 3 {
		begun++
		if err := b.put("0 ERROR", `1 {"a":1,"v":5}`); err != nil {
			t.Fatal(err)
		}
		look()
		stored++
		b.settle()
		look()
		if err := b.store.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		look()
		if acknowledged >= 0 {
			break
		}
	}
	b.stop()
	look()
	if crashed == nil {
		return false
	}
	if acknowledged < 0 {
		t.Fatal("a crash that nobody saw")
	}
	again := startMetrics(t, crashed, cfg)
	defer again.stop()
	again.settle()
	errorsSeen, values := again.series("m1")["0"], again.series("m2")["1"]
	for batches := acknowledged; batches <= begun; batches++ {
		if batches == 0 && errorsSeen == "" && values == "" {
			return true
		}
		if errorsSeen == fmt.Sprintf("%d/%d", batches, batches) && values == fmt.Sprintf("%d/%d", 5*batches, batches) {
			return true
		}
	}
	t.Errorf("%d to %d batches, and samples %q and %q", acknowledged, begun, errorsSeen, values)
	return true
}

// TestRandomSamplesEqualTheLedger: many filters and events at random, with
// restarts.
func TestRandomSamplesEqualTheLedger(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	words := []string{"alpha", "beta", "gamma", "delta"}
	var defs metricDefinitions
	for i, w := range words {
		defs = append(defs, metricVersion(uint64(i+1), w, "1", withDefault(float64(i))))
	}
	mem := vfs.NewMem()
	b := startMetrics(t, mem, filter.Config{Metrics: defs})
	ledger := make([]map[int]float64, len(words))
	for i := range ledger {
		ledger[i] = map[int]float64{}
	}
	for range 120 {
		var events []string
		minute := rng.IntN(30)
		for range 1 + rng.IntN(20) {
			minute += rng.IntN(3) / 2
			text := words[rng.IntN(len(words))] + " " + words[rng.IntN(len(words))]
			events = append(events, fmt.Sprintf("%d %s", minute, text))
			for i, w := range words {
				if strings.Contains(text, w) {
					ledger[i][minute]++
				} else {
					ledger[i][minute] += float64(i)
				}
			}
		}
		if err := b.put(events...); err != nil {
			t.Fatal(err)
		}
		switch rng.IntN(12) {
		case 0:
			if err := b.store.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		case 1:
			clone := mem.CrashClone(vfs.CrashOptions{})
			b.stop()
			mem = clone
			b = startMetrics(t, mem, filter.Config{Metrics: defs})
		}
	}
	b.settle()
	defer b.stop()
	for i := range words {
		got := map[int]float64{}
		points, err := b.store.Statistics(metricScope, metrics.Metric{Namespace: "n", Name: fmt.Sprint("m", i+1)}, "Sum", time.Minute, created, created.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range points {
			got[int(p.At.Sub(created)/time.Minute)] = p.Value
		}
		if diff := cmp.Diff(ledger[i], got); diff != "" {
			t.Errorf("%s: ledger - metric +\n%s", words[i], diff)
		}
	}
}
