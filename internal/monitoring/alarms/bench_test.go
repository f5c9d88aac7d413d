package alarms

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/monitoring/alarms/evaluation"
)

// steady answers with values that do not breach, without a store.
type steady struct{}

func (steady) Slots(_ catalog.Scope, _ Metric, _ string, _ time.Duration, _ time.Time, slots []evaluation.Slot) error {
	for i := range slots {
		slots[i].Real, slots[i].Samples = true, 1
	}
	return nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTenThousandAlarms is ten seconds of 10,000 alarms with a period of ten
// seconds, all of them evaluated once. core-% is the share of one core that it
// takes; rules-% is the rules alone, for comparison.
func BenchmarkTenThousandAlarms(b *testing.B) {
	w := newWorld(b)
	w.room.cfg.Metrics = steady{}
	const alarms = 10_000
	for i := range alarms {
		d := Definition{
			UID: uint64(i + 1), Name: fmt.Sprintf("alarm-%05d", i), Metric: Metric{Namespace: "n", Name: "m"}, Statistic: "Sum", Period: 10,
			Periods: 3, Threshold: 1, Comparison: evaluation.GreaterThan,
		}
		if err := w.room.cfg.Definitions.Put(scopeOf(caller), d.Name, d); err != nil {
			b.Fatal(err)
		}
		w.room.schedule(scheduled{scopeOf(caller), d})
	}
	w.advance(time.Minute) // all of them are OK
	var spent, seconds time.Duration
	for b.Loop() {
		before := processorTime()
		if err := w.clock.Advance(context.Background(), 10*time.Second); err != nil {
			b.Fatal(err)
		}
		spent += processorTime() - before
		seconds += 10 * time.Second
	}
	b.ReportMetric(100*spent.Seconds()/seconds.Seconds(), "core-%")
	rule, slots := w.room.wheel.of[1].rule(), make([]evaluation.Slot, evaluation.Range(3))
	before := processorTime()
	for range alarms * b.N {
		steady{}.Slots(catalog.Scope{}, Metric{}, "", 0, time.Time{}, slots)
		evaluation.Evaluate(rule, slots)
	}
	b.ReportMetric(100*(processorTime()-before).Seconds()/seconds.Seconds(), "rules-%")
}
