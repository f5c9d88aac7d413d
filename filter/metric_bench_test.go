package filter

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/wal"
)

// metricList is metric filters that do not change.
type metricList []catalog.MetricFilter

func (l metricList) All() []catalog.MetricFilter { return l }

func (metricList) Generation() uint64 { return 1 }

type noFilters struct{}

func (noFilters) FilterVersions() []catalog.SubscriptionFilter { return nil }

func (noFilters) Generation() uint64 { return 1 }

func metricOf(i int, pattern string, t catalog.MetricTransformation) catalog.MetricFilter {
	t.Name, t.Namespace = fmt.Sprint("metric-", i), "bench"
	if t.Value == "" {
		t.Value = "1"
	}
	return catalog.MetricFilter{Filter: uint64(i + 1), GroupUID: 10, Name: fmt.Sprint("f", i), Versions: []catalog.MetricFilterVersion{{
		UID: uint64(i + 1), Pattern: pattern, Transformation: t, From: []uint64{0},
	}}}
}

// termFilters are n metric filters on distinct terms; the first one's comes
// often.
func termFilters(n int) metricList {
	words := []string{"ERROR", "timeout", "refused", "panic", "deadline", "denied", "rollback", "throttled", "corrupt", "retry"}
	var l metricList
	for i := range n {
		text := words[i%len(words)]
		if i >= len(words) {
			text = fmt.Sprintf("%s%d", text, i)
		}
		l = append(l, metricOf(i, text, catalog.MetricTransformation{}))
	}
	return l
}

// jsonFilters are n metric filters over ten paths of the JSON corpus.
func jsonFilters(n int) metricList {
	zero := 0.0
	var l metricList
	for i := range n {
		var text string
		t := catalog.MetricTransformation{}
		switch i % 5 {
		case 0:
			text, t.DefaultValue = fmt.Sprintf(`{ $.status >= %d }`, 400+i), &zero
		case 1:
			text, t.Value = fmt.Sprintf(`{ $.latency_ms > %d.5 && $.status >= 500 }`, 10*i), "$.latency_ms"
		case 2:
			text = fmt.Sprintf(`{ $.level = "ERROR" && $.bytes > %d }`, 100*i)
		case 3:
			text = fmt.Sprintf(`{ $.method = "GET" && $.path = "/v1/%d*" }`, i)
		case 4:
			text = fmt.Sprintf(`{ $.service = "checkout-%d" || $.region = "eu-%d" }`, i, i)
		}
		l = append(l, metricOf(i, text, t))
	}
	return l
}

func mixedFilters(n int) metricList {
	terms, objects := termFilters(n), jsonFilters(n)
	var l metricList
	for i := range n {
		m := objects[i]
		if i%2 == 1 {
			m = terms[i]
		}
		m.Filter, m.Versions[0].UID = uint64(i+1), uint64(i+1)
		l = append(l, m)
	}
	return l
}

func metricWorker(t testing.TB, kind corpus.Kind, filters metricList) (*worker, wal.Frame, int) {
	t.Helper()
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	g := corpus.New(kind, 1, start)
	b := event.GetBuilder(2 << 20)
	for b.TextBytes() < 1<<20 {
		message, at := g.AppendEvent(nil)
		if err := b.Append(at, message); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: 10, StreamUID: 1, Ingested: start.UnixMilli()}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	w := &worker{
		cfg: Config{Logger: log}, shard: Shard{State: NewState()},
		plans:   plans{definitions: noFilters{}, metrics: filters, log: log},
		sampler: sampler{limit: AWSDimensionSets, guarded: &atomic.Uint64{}},
	}
	return w, wal.Frame{Type: wal.TypeBatch, Key: 10, Seq: 1, Payload: sealed.Record()}, sealed.MessageBytes()
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDispatchMetrics reports the processor time for a gigabyte, and how
// many times that of the first filter alone it is, both measured in turns.
func BenchmarkDispatchMetrics(b *testing.B) {
	f := func(name string, kind corpus.Kind, many, one metricList) {
		b.Run(name, func(b *testing.B) {
			w, frame, bytes := metricWorker(b, kind, many)
			alone, aloneFrame, _ := metricWorker(b, kind, one)
			pass := func(w *worker, frame wal.Frame) time.Duration {
				from := cpuTime()
				for range 4 {
					if err := w.batch(frame); err != nil {
						b.Fatal(err)
					}
				}
				w.sampler.deltas.Reset()
				return (cpuTime() - from) / 4
			}
			best, bestAlone := time.Hour, time.Hour
			for range 20 {
				best, bestAlone = min(best, pass(w, frame)), min(bestAlone, pass(alone, aloneFrame))
			}
			for b.Loop() {
				best, bestAlone = min(best, pass(w, frame)), min(bestAlone, pass(alone, aloneFrame))
			}
			b.ReportMetric(best.Seconds()/float64(bytes)*1e9, "cpu-s/GB")
			b.ReportMetric(best.Seconds()/bestAlone.Seconds(), "x-one")
		})
	}
	f("terms/100", corpus.App, termFilters(100), termFilters(1))
	f("json/100", corpus.JSON, jsonFilters(100), jsonFilters(1))
	f("mixed/100", corpus.JSON, mixedFilters(100), mixedFilters(1))
	f("mixed/500", corpus.JSON, mixedFilters(500), mixedFilters(1))
}

func TestSamplesOfABatchDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	filters := mixedFilters(40)
	filters = append(filters, metricOf(40, `{ $.status = * }`, catalog.MetricTransformation{Value: "$.latency_ms", Dimensions: map[string]string{"method": "$.method", "status": "$.status"}}))
	w, frame, _ := metricWorker(t, corpus.JSON, filters)
	pass := func() {
		if err := w.batch(frame); err != nil {
			t.Fatal(err)
		}
		if w.sampler.deltas.Empty() {
			t.Fatal("no samples")
		}
		w.sampler.deltas.Reset()
	}
	for range 20 {
		pass()
	}
	if n := testing.AllocsPerRun(50, pass); n != 0 {
		t.Error("allocations for a batch of a megabyte:", n)
	}
}
