package obs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// CounterVec is a counter for each set of label values.
type CounterVec struct{ vec *prometheus.CounterVec }

// With resolves one child. Call it where the labelled thing is made, not where
// it is used: it hashes the values and takes a lock.
func (v *CounterVec) With(values ...string) *Counter {
	if v == nil {
		return nil
	}
	return &Counter{v.vec.WithLabelValues(values...)}
}

// Forget drops a child whose subject is gone.
func (v *CounterVec) Forget(values ...string) {
	if v != nil {
		v.vec.DeleteLabelValues(values...)
	}
}

// Counter only grows. A nil Counter counts nothing.
type Counter struct{ counter prometheus.Counter }

// Inc adds one.
func (c *Counter) Inc() {
	if c != nil {
		c.counter.Inc()
	}
}

// Add adds n, which must not be negative.
//
// hot: BenchmarkCounterAdd
func (c *Counter) Add(n int) {
	if c != nil {
		c.counter.Add(float64(n))
	}
}

// GaugeVec is a gauge for each set of label values.
type GaugeVec struct{ vec *prometheus.GaugeVec }

// With resolves one child; see CounterVec.With.
func (v *GaugeVec) With(values ...string) *Gauge {
	if v == nil {
		return nil
	}
	return &Gauge{v.vec.WithLabelValues(values...)}
}

// Forget drops a child whose subject is gone.
func (v *GaugeVec) Forget(values ...string) {
	if v != nil {
		v.vec.DeleteLabelValues(values...)
	}
}

// Gauge goes up and down. A nil Gauge shows nothing.
type Gauge struct{ gauge prometheus.Gauge }

// Set replaces the value.
func (g *Gauge) Set(value float64) {
	if g != nil {
		g.gauge.Set(value)
	}
}

// Add adds n, which may be negative.
func (g *Gauge) Add(n float64) {
	if g != nil {
		g.gauge.Add(n)
	}
}

// HistogramVec is a histogram for each set of label values.
type HistogramVec struct{ vec *prometheus.HistogramVec }

// With resolves one child; see CounterVec.With.
func (v *HistogramVec) With(values ...string) *Histogram {
	if v == nil {
		return nil
	}
	return &Histogram{v.vec.WithLabelValues(values...)}
}

// Forget drops a child whose subject is gone.
func (v *HistogramVec) Forget(values ...string) {
	if v != nil {
		v.vec.DeleteLabelValues(values...)
	}
}

// Histogram counts observations by size. A nil Histogram observes nothing.
type Histogram struct{ observer prometheus.Observer }

// Observe counts one value in the metric's base unit.
//
// hot: BenchmarkHistogramObserve
func (h *Histogram) Observe(value float64) {
	if h != nil {
		h.observer.Observe(value)
	}
}

// Took counts one duration, in seconds.
func (h *Histogram) Took(d time.Duration) { h.Observe(d.Seconds()) }
