package obs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/internal/obs"
)

func scrape(t *testing.T, r *obs.Registry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	r.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape answered %d: %s", answer.Code, answer.Body)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func wantLine(t *testing.T, text, line string) {
	t.Helper()
	if !strings.Contains("\n"+text, "\n"+line+"\n") {
		t.Errorf("no line %q in:\n%s", line, sluiceLines(text))
	}
}

func sluiceLines(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "sluice_") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestInstruments(t *testing.T) {
	r := obs.NewRegistry("1.2.3")
	events := r.Counter("sluice_events_total", "Events.", "group")
	events.With("a").Add(3)
	events.With("a").Inc()
	events.With("b").Inc()
	events.Forget("b")
	lag := r.Gauge("sluice_lag_bytes", "Lag.", "filter").With("f")
	lag.Set(10)
	lag.Add(-4)
	commit := r.Histogram("sluice_commit_seconds", "Commits.", []float64{.001, .1}).With()
	commit.Took(500 * time.Microsecond)
	commit.Took(50 * time.Millisecond)

	text := scrape(t, r)
	wantLine(t, text, `sluice_events_total{group="a"} 4`)
	wantLine(t, text, `sluice_lag_bytes{filter="f"} 6`)
	wantLine(t, text, `sluice_commit_seconds_bucket{le="0.001"} 1`)
	wantLine(t, text, `sluice_commit_seconds_bucket{le="0.1"} 2`)
	wantLine(t, text, `sluice_commit_seconds_count 2`)
	if strings.Contains(text, `group="b"`) {
		t.Error("a forgotten child is still exported")
	}
	if !strings.Contains(text, `version="1.2.3"`) || !strings.Contains(text, "go_goroutines") {
		t.Errorf("build info or the Go collector is missing:\n%s", text)
	}
}

func TestForgetGaugeAndHistogram(t *testing.T) {
	r := obs.NewRegistry("1")
	gauge := r.Gauge("sluice_g", "G.", "k")
	gauge.With("gone").Set(1)
	gauge.Forget("gone")
	histogram := r.Histogram("sluice_h_bytes", "H.", obs.Bytes(), "k")
	histogram.With("gone").Observe(1)
	histogram.Forget("gone")
	if text := scrape(t, r); strings.Contains(text, "gone") {
		t.Errorf("forgotten children are still exported:\n%s", sluiceLines(text))
	}
}

func TestCollectReadsAtScrapeTime(t *testing.T) {
	r := obs.NewRegistry("1")
	lag := map[string]float64{"lake": 7}
	r.Collect(obs.GaugeKind, "sluice_delivery_lag_bytes", "Lag.", []string{"stream", "unit"},
		func(emit func(float64, ...string)) {
			for name, bytes := range lag {
				emit(bytes, name, "B")
			}
		})
	stored := 1.0
	r.CounterFunc("sluice_stored_total", "Stored.", func() float64 { return stored })
	r.GaugeFunc("sluice_open", "Open.", func() float64 { return -stored })

	text := scrape(t, r)
	wantLine(t, text, `sluice_delivery_lag_bytes{stream="lake",unit="B"} 7`)
	wantLine(t, text, `# TYPE sluice_stored_total counter`)
	wantLine(t, text, `# TYPE sluice_open gauge`)

	lag["lake"], stored = 9, 2
	text = scrape(t, r)
	wantLine(t, text, `sluice_delivery_lag_bytes{stream="lake",unit="B"} 9`)
	wantLine(t, text, `sluice_stored_total 2`)
	wantLine(t, text, `sluice_open -2`)
}

func TestCollectWithWrongLabelsCostsOnlyItself(t *testing.T) {
	r := obs.NewRegistry("1")
	r.Collect(obs.CounterKind, "sluice_broken_total", "Broken.", []string{"a", "b"},
		func(emit func(float64, ...string)) { emit(1, "only one") })
	r.GaugeFunc("sluice_fine", "Fine.", func() float64 { return 5 })
	text := scrape(t, r)
	wantLine(t, text, "sluice_fine 5")
	if strings.Contains(text, "sluice_broken_total 1") || strings.Contains(text, "sluice_broken_total{") {
		t.Errorf("a malformed metric was exported:\n%s", sluiceLines(text))
	}
}

func TestNilRegistryIsSilent(t *testing.T) {
	var r *obs.Registry
	counter := r.Counter("sluice_a_total", "A.", "k")
	counter.With("x").Inc()
	counter.With("x").Add(2)
	counter.Forget("x")
	gauge := r.Gauge("sluice_b", "B.", "k")
	gauge.With("x").Set(1)
	gauge.With("x").Add(1)
	gauge.Forget("x")
	histogram := r.Histogram("sluice_c_seconds", "C.", obs.Seconds(), "k")
	histogram.With("x").Took(time.Second)
	histogram.Forget("x")
	r.CounterFunc("sluice_d_total", "D.", func() float64 { panic("read without a registry") })
}

func TestMalformedNamesPanic(t *testing.T) {
	f := func(name string) {
		t.Helper()
		r := obs.NewRegistry("1")
		r.GaugeFunc("sluice_taken", "Taken.", func() float64 { return 0 })
		defer func() {
			if recover() == nil {
				t.Errorf("%q was accepted", name)
			}
		}()
		r.Gauge(name, "A gauge.").With().Set(1)
	}
	f("events_total")
	f("sluice_taken")
}

func TestHotInstrumentsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations differ under the race detector")
	}
	r := obs.NewRegistry("1")
	counter := r.Counter("sluice_a_total", "A.").With()
	histogram := r.Histogram("sluice_c_seconds", "C.", obs.Seconds()).With()
	if n := testing.AllocsPerRun(100, func() { counter.Add(3); histogram.Observe(.2) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkCounterAdd(b *testing.B) {
	counter := obs.NewRegistry("1").Counter("sluice_a_total", "A.", "k").With("x")
	b.ReportAllocs()
	for b.Loop() {
		counter.Add(3)
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	histogram := obs.NewRegistry("1").Histogram("sluice_c_seconds", "C.", obs.Seconds(), "k").With("x")
	b.ReportAllocs()
	for b.Loop() {
		histogram.Observe(.02)
	}
}
