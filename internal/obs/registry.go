package obs

import (
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds the metrics of one process. Its methods panic when a name is
// malformed or taken: that is a mistake in the wiring, found by the first test.
type Registry struct {
	registry *prometheus.Registry
	families []Family
}

// Family is the metrics of one name.
type Family struct {
	Name, Help string
	Labels     []string
}

// Families are what scrapes may hold of sluice itself, by name.
func (r *Registry) Families() []Family {
	return slices.SortedFunc(slices.Values(r.families), func(a, b Family) int { return strings.Compare(a.Name, b.Name) })
}

// NewRegistry begins with sluice_build_info and what the Go runtime and the
// operating system say about the process.
func NewRegistry(version string) *Registry {
	r := &Registry{registry: prometheus.NewRegistry()}
	r.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	r.Gauge("sluice_build_info", "Always 1; the labels say what is running.", "version", "goversion").
		With(version, runtime.Version()).Set(1)
	return r
}

// Handler answers scrapes. A collector that fails costs its own metrics only.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
		Registry:      r.registry,
	})
}

func (r *Registry) register(f Family, c prometheus.Collector) {
	if !strings.HasPrefix(f.Name, "sluice_") {
		panic("obs: metric " + f.Name + " must begin with sluice_")
	}
	r.registry.MustRegister(c)
	r.families = append(r.families, f)
}

// Counter makes a counter with the given labels.
func (r *Registry) Counter(name, help string, labels ...string) *CounterVec {
	if r == nil {
		return nil
	}
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.register(Family{name, help, labels}, v)
	return &CounterVec{v}
}

// Gauge makes a gauge with the given labels.
func (r *Registry) Gauge(name, help string, labels ...string) *GaugeVec {
	if r == nil {
		return nil
	}
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.register(Family{name, help, labels}, v)
	return &GaugeVec{v}
}

// Histogram makes a histogram over the upper bounds, which ascend; see Seconds
// and Bytes.
func (r *Registry) Histogram(name, help string, bounds []float64, labels ...string) *HistogramVec {
	if r == nil {
		return nil
	}
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
	r.register(Family{name, help, labels}, v)
	return &HistogramVec{v}
}

// Seconds are bounds for durations from a commit (0.1 ms) to a slow upload.
func Seconds() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Bytes are bounds for sizes from one event (256 B) to a large object (256 MiB).
func Bytes() []float64 { return prometheus.ExponentialBuckets(256, 4, 11) }
