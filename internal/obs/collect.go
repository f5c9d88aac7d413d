package obs

import "github.com/prometheus/client_golang/prometheus"

// Kind is what a value read at scrape time means.
type Kind int

// A CounterKind value only grows, also across restarts where its owner keeps it;
// a GaugeKind value goes up and down.
const (
	CounterKind Kind = iota
	GaugeKind
)

// Collect exports what read emits each time a scrape comes: one value for each
// set of label values, which stand in the order of labels. Use it for numbers
// that somebody keeps anyway (positions, lag, sizes, tables of streams), so that
// nothing has to be maintained twice. read runs on the scrape's goroutine, maybe
// several times at once, and must not wait for I/O.
func (r *Registry) Collect(kind Kind, name, help string, labels []string, read func(emit func(value float64, values ...string))) {
	if r == nil {
		return
	}
	valueType := prometheus.CounterValue
	if kind == GaugeKind {
		valueType = prometheus.GaugeValue
	}
	r.register(Family{name, help, labels}, &readCollector{
		desc:      prometheus.NewDesc(name, help, labels, nil),
		valueType: valueType,
		read:      read,
	})
}

// CounterFunc exports one number that only grows.
func (r *Registry) CounterFunc(name, help string, read func() float64) {
	r.Collect(CounterKind, name, help, nil, func(emit func(float64, ...string)) { emit(read()) })
}

// GaugeFunc exports one number.
func (r *Registry) GaugeFunc(name, help string, read func() float64) {
	r.Collect(GaugeKind, name, help, nil, func(emit func(float64, ...string)) { emit(read()) })
}

type readCollector struct {
	desc      *prometheus.Desc
	valueType prometheus.ValueType
	read      func(emit func(value float64, values ...string))
}

func (c *readCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *readCollector) Collect(out chan<- prometheus.Metric) {
	c.read(func(value float64, values ...string) {
		m, err := prometheus.NewConstMetric(c.desc, c.valueType, value, values...)
		if err != nil { // a wrong number of label values: shown on the scrape, not fatal
			m = prometheus.NewInvalidMetric(c.desc, err)
		}
		out <- m
	})
}
