//go:build integration

package bench

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/bench/corpus"
	"sluice/bench/kafkaserver"
)

// programs builds what is measured.
func programs(t *testing.T) (sluice string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sluice/cmd/sluice", "sluice/bench/broker"} {
		binary := filepath.Join(dir, filepath.Base(name))
		if name == "sluice/bench/broker" {
			binary = filepath.Join(dir, kafkaserver.Name)
		}
		if out, err := exec.Command("go", "build", "-o", binary, name).CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	return filepath.Join(dir, "sluice")
}

// TestMeasurementsCountEveryEvent runs each measurement in small. Paths into S3
// are among them where versitygw is.
func TestMeasurementsCountEveryEvent(t *testing.T) {
	binary := programs(t)
	options := func(paths ...string) Options {
		return Options{Binary: binary, Dir: t.TempDir(), Corpus: corpus.App, Bytes: 8e6, Paths: paths}
	}
	written := func(r *Result, lines int) {
		t.Helper()
		var table strings.Builder
		if err := r.WriteTable(&table); err != nil || strings.Count(table.String(), "\n") < lines {
			t.Errorf("%v\n%s", err, table.String())
		}
	}
	complete := func(p *Path) {
		t.Helper()
		if p.Delivered != p.Selected || p.Events == 0 || p.CPUSeconds <= 0 || p.PeakRSSBytes == 0 || p.WrittenPerByte <= 0 {
			t.Errorf("%+v", p)
		}
		if (p.Ack.P50 > 0) == strings.HasPrefix(p.Name, "kafka/") {
			t.Errorf("%s: %+v", p.Name, p.Ack)
		}
	}
	t.Run("paths", func(t *testing.T) {
		o := options("putlogevents/gzip/all", "putlogevents-unsigned/parquet/errors", "bulk/zstd/all", "otlp/gzip/all", "kafka/zstd/errors")
		o.Connections, o.MetricFilters = 2, "mixed:4"
		if o.findTools(); o.Gateway == "" {
			t.Log("no versitygw: paths into S3 are left out")
		} else {
			o.Paths = append(o.Paths, "putlogevents/gzip/all/s3")
		}
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Paths {
			complete(&r.Paths[i])
		}
		written(r, 20)
	})
	t.Run("growth", func(t *testing.T) {
		o := options("putlogevents/gzip/all")
		o.Bytes = 2e6
		r, err := Grow(t.Context(), o, []string{"batch", "filters", "groups", "groups-one-event", "connections"}, 3)
		if err != nil {
			t.Fatal(err)
		}
		late, err := Grow(t.Context(), o, []string{"backlog"}, 32)
		if err != nil {
			t.Fatal(err)
		}
		r.Growth = append(r.Growth, late.Growth...)
		for _, c := range r.Growth {
			if len(c.Points) == 0 {
				t.Errorf("%s has no points", c.Name)
			}
			for i := range c.Points {
				complete(&c.Points[i].Path)
			}
		}
		written(r, 30)
	})
	t.Run("latency", func(t *testing.T) {
		r, err := MeasureHalfLoad(t.Context(), options("bulk/gzip/all"), 0.5)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Latencies {
			if h := &r.Latencies[i]; h.PerSecond != h.MostPerSecond/2 || h.Disk.P99 <= 0 || h.AboveDisk != h.Ack.P99-h.Disk.P99 {
				t.Errorf("%+v", h)
			}
			complete(&r.Latencies[i].Path)
		}
		written(r, 5)
	})
	t.Run("rivals", func(t *testing.T) {
		o := options()
		o.Bytes = 2e6
		r, err := Compete(t.Context(), o, []string{"W1", "W2", "W3", "W5"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Rivals {
			for _, who := range c.Contestants {
				if who.Lines != c.Expected || who.CPUSecondsPerGB < 0 || who.WallSeconds <= 0 || c.InputEvents == 0 {
					t.Errorf("%s: %+v", c.Workload, who)
				}
			}
		}
		for _, text := range r.LeftOut {
			t.Log("left out:", text)
			if strings.Contains(text, "lines came out") {
				t.Error(text)
			}
		}
		written(r, 20)
	})
	t.Run("refused", func(t *testing.T) {
		f := func(want string, run func(ctx context.Context) (*Result, error)) {
			t.Helper()
			if r, err := run(t.Context()); r != nil || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		f("a share of 2", func(ctx context.Context) (*Result, error) { return MeasureHalfLoad(ctx, options(), 2) })
		f("no acknowledgement", func(ctx context.Context) (*Result, error) {
			return MeasureHalfLoad(ctx, options("kafka/gzip/all"), 0.5)
		})
		f(`workload "x" is none of W1, W2`, func(ctx context.Context) (*Result, error) { return Compete(ctx, options(), []string{"x"}) })
		f(`curve "x" is none of batch`, func(ctx context.Context) (*Result, error) { return Grow(ctx, options(), []string{"x"}, 0) })
	})
}
