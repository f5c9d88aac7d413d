package metrics

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/vfs"
)

// TestManySeries: 100,000 live series, each with samples of three minutes, of
// which most have several values, fit into 300 MiB.
func TestManySeries(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds, and memory that the race detector multiplies")
	}
	const series, minutes, most = 100_000, 3, 300 << 20
	b := &bench{t: t, fs: vfs.OS, clock: clock.NewTest(start.Add(minutes * time.Minute))}
	dir := t.TempDir()
	b.fs = rooted{vfs.OS, dir}
	if err := b.open(Config{}); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	runtime.GC()
	before := heap()
	peak := uint64(0)
	for minute := range minutes {
		d := &Deltas{}
		for i := range series {
			add(d, metric("m", "host", fmt.Sprintf("ip-10-0-%d-%d", i/250, i%250)), start.Add(time.Duration(minute)*time.Minute), float64(i%7), float64(i%11), float64(i%13), 1.5)
			if d.Weight() > 4<<20 {
				if err := b.put(false, d); err != nil {
					t.Fatal(err)
				}
				d = &Deltas{}
				if err := b.store.CatchUp(); err != nil {
					t.Fatal(err)
				}
				peak = max(peak, heap())
			}
		}
		if err := b.put(false, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.store.CatchUp(); err != nil {
		t.Fatal(err)
	}
	z := b.store.Sizes()
	runtime.GC()
	t.Logf("%d series, %d files of %d MiB; %d MiB of heap live, %d MiB at the peak with garbage",
		z.Series, z.Files, z.FileBytes>>20, (heap()-before)>>20, (peak-before)>>20)
	if z.Series != series {
		t.Error(z.Series, "series")
	}
	if peak-before > most {
		t.Errorf("%d MiB of heap", (peak-before)>>20)
	}
	debug.FreeOSMemory()
	b.want(metric("m", "host", "ip-10-0-0-1"), "Sum", map[int]float64{0: 4.5, 1: 4.5, 2: 4.5})
}

// heap is what is live or not collected yet.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkDeltasAdd(b *testing.B) {
	d := &Deltas{}
	key := AppendKey(nil, scope, metric("latency", "host", "a"))
	v := 0.0
	b.ReportAllocs()
	for b.Loop() {
		d.Of(key).Add(60_000, v, 1, false)
		if v++; v > 3000 {
			v = 0
		}
	}
}

func TestSamplesDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	d := &Deltas{}
	one, many := AppendKey(nil, scope, metric("one")), AppendKey(nil, scope, metric("many", "host", "a"))
	fill := func() {
		for i := range 1000 {
			d.Of(one).Add(int64(i)*200, 1, 1, false)
			d.Of(many).Add(int64(i)*200, float64(i), 1, false)
		}
		d.Reset()
	}
	for range 5 {
		fill()
	}
	if n := testing.AllocsPerRun(20, fill); n != 0 {
		t.Error("allocations for 2,000 samples:", n)
	}
}

// BenchmarkStatistics asks as an alarm does: for the last five minutes.
func BenchmarkStatistics(b *testing.B) {
	s := open(b, vfs.NewMem(), start.Add(10*time.Minute))
	defer s.close()
	d := &Deltas{}
	for i := range 10_000 {
		for minute := range 5 {
			add(d, metric("m", "host", fmt.Sprint(i)), start.Add(time.Duration(minute)*time.Minute), 1, 2)
		}
	}
	if err := s.put(false, d); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		points, err := s.store.Statistics(scope, metric("m", "host", fmt.Sprint(i%10_000)), "Average", time.Minute, start, start.Add(5*time.Minute))
		if err != nil || len(points) != 5 {
			b.Fatal(points, err)
		}
		i++
	}
}
