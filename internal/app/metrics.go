package app

import (
	"strconv"
	"sync/atomic"

	"sluice/filter"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/obs"
	"sluice/internal/wal"
)

// metrics are what is counted while it happens. Everything that has a position
// in the log is collected from there at scrape time instead (collect), so that
// it holds across restarts.
type metrics struct {
	requests *obs.CounterVec
	seconds  *obs.HistogramVec
	wire     *obs.CounterVec
	// received counts events in decoded requests; its start is what the log
	// says was received before.
	received atomic.Uint64
	repeated *obs.Counter // events of requests that were sent again
}

func newMetrics(r *obs.Registry) *metrics {
	return &metrics{
		requests: r.Counter("sluice_api_requests_total", "Requests by operation and error code; no code is success.", "service", "operation", "code"),
		seconds:  r.Histogram("sluice_api_request_seconds", "Time from a request's header to the end of its answer.", obs.Seconds(), "service", "operation"),
		wire:     r.Counter("sluice_api_request_bytes_total", "Bodies as they were sent.", "service", "operation"),
		repeated: r.Counter("sluice_ingest_repeated_events_total", "Events of requests that were sent again, stored once and not received anew.").With(),
	}
}

// Served implements awsapi.Observer.
func (m *metrics) Served(x awsapi.Exchange) {
	m.requests.With(x.Service, x.Operation, x.Code).Inc()
	m.seconds.With(x.Service, x.Operation).Took(x.Elapsed)
	m.wire.With(x.Service, x.Operation).Add(x.WireBytes)
}

// collect exports what the rooms keep anyway.
func (a *App) collect() {
	t := a.store.Totals()
	a.metrics.received.Store(t.Events + t.Rejected.Sum())
	a.collectIngest()
	a.collectFilters()
	a.collectDelivery()
	a.collectDeliverySources()
	a.collectLog()
	a.collectStorage()
}

func (a *App) collectIngest() {
	r := a.registry
	r.CounterFunc("sluice_ingest_received_events_total", "Events in requests that named a log group and stream: stored + rejected, at rest.",
		func() float64 { return float64(a.metrics.received.Load()) })
	r.CounterFunc("sluice_ingest_stored_events_total", "Events that are in the log.",
		func() float64 { return float64(a.store.Totals().Events) })
	r.CounterFunc("sluice_ingest_stored_bytes_total", "Message bytes of the events that are in the log.",
		func() float64 { return float64(a.store.Totals().Bytes) })
	r.Collect(obs.CounterKind, "sluice_ingest_rejected_events_total", "Events that were received and refused.", []string{"reason"},
		func(emit func(float64, ...string)) {
			rejected := a.store.Totals().Rejected
			emit(float64(rejected.TooOld), "too_old")
			emit(float64(rejected.TooNew), "too_new")
			emit(float64(rejected.Expired), "expired")
			emit(float64(rejected.TooLarge), "too_large")
			emit(float64(rejected.Invalid), "invalid")
		})
}

func (a *App) collectFilters() {
	tallies := func(value func(event.Tally) uint64) func(func(float64, ...string)) {
		return func(emit func(float64, ...string)) {
			for key, t := range a.tallies() {
				emit(float64(value(t)), key.scope.Account, key.scope.Region, key.group, key.filter)
			}
		}
	}
	labels := []string{"account", "region", "log_group", "filter"}
	r := a.registry
	r.Collect(obs.CounterKind, "sluice_filter_read_events_total", "Events a subscription filter looked at: matched + unmatched.", labels,
		tallies(func(t event.Tally) uint64 { return t.Read }))
	r.Collect(obs.CounterKind, "sluice_filter_matched_events_total", "Events a subscription filter sent to its destination.", labels,
		tallies(func(t event.Tally) uint64 { return t.Matched }))
	r.Collect(obs.CounterKind, "sluice_filter_matched_bytes_total", "Message bytes of the events a subscription filter sent to its destination.", labels,
		tallies(func(t event.Tally) uint64 { return t.Bytes }))
	r.Collect(obs.CounterKind, "sluice_filter_unmatched_events_total", "Events a subscription filter passed over.", labels,
		tallies(func(t event.Tally) uint64 { return t.Read - t.Matched }))
	r.Collect(obs.GaugeKind, "sluice_filter_lag_frames", "Log frames that the filters have not read.", []string{"shard"},
		func(emit func(float64, ...string)) {
			for shard := range uint32(a.store.Shards()) {
				emit(float64(a.dispatcher.Lag(shard)), strconv.Itoa(int(shard)))
			}
		})
}

type filterKey struct {
	scope         catalog.Scope
	group, filter string
}

// tallies is what each filter did; a deleted one is listed until the dispatcher
// has passed its end.
func (a *App) tallies() map[filterKey]event.Tally {
	all, seen := map[filterKey]event.Tally{}, map[uint64]bool{}
	for _, f := range a.catalog.FilterVersions() {
		g, ok := a.catalog.GroupByUID(f.GroupUID)
		if !ok || seen[f.Filter] {
			continue // deleted with its log group, or another version of one seen
		}
		seen[f.Filter] = true
		key := filterKey{g.Scope, g.Name, f.Name}
		t, more := all[key], a.dispatcher.Tally(f.Filter)
		t.Read += more.Read
		t.Matched += more.Matched
		t.Bytes += more.Bytes
		all[key] = t
	}
	a.subscriptions.Policies(func(scope catalog.Scope, p filter.AccountPolicy) {
		all[filterKey{scope, "", p.Name}] = a.dispatcher.Tally(p.Filter) // of all log groups together
	})
	return all
}

// delivery is one delivery stream's numbers by metric.
func (a *App) collectDelivery() {
	labels := []string{"account", "region", "delivery_stream"}
	type reader = func(emit func(float64, ...string))
	each := func(value func(s deliveryStatus) float64) reader {
		return func(emit func(float64, ...string)) {
			for _, s := range a.deliveryStatus() {
				emit(value(s), s.Account, s.Region, s.Name)
			}
		}
	}
	counter := func(name, help string, value func(s deliveryStatus) float64) {
		a.registry.Collect(obs.CounterKind, "sluice_delivery_"+name, help, labels, each(value))
	}
	gauge := func(name, help string, value func(s deliveryStatus) float64) {
		a.registry.Collect(obs.GaugeKind, "sluice_delivery_"+name, help, labels, each(value))
	}
	counter("accepted_events_total", "Events and records that reached a delivery stream: delivered + discarded + lost + in flight.",
		func(s deliveryStatus) float64 { return float64(s.totals.Accepted) })
	counter("accepted_bytes_total", "Bytes of messages and data that reached a delivery stream.", func(s deliveryStatus) float64 { return float64(s.totals.AcceptedBytes) })
	counter("delivered_events_total", "Events and records in committed objects.", func(s deliveryStatus) float64 { return float64(s.Delivered) })
	counter("delivered_bytes_total", "Bytes of messages and data in committed objects, before compression.", func(s deliveryStatus) float64 { return float64(s.DeliveredBytes) })
	counter("quarantined_events_total", "Events and records that processors refused: in objects under ErrorOutputPrefix, and part of delivered.", func(s deliveryStatus) float64 { return float64(s.Quarantined) })
	counter("dropped_events_total", "Records of which nothing was to be delivered, such as control messages; part of delivered.", func(s deliveryStatus) float64 { return float64(s.Dropped) })
	gauge("open_partitions", "Partitions that hold something that waits.", func(s deliveryStatus) float64 { return float64(s.Partitions) })
	counter("discarded_events_total", "Events and records that were in flight when their delivery stream was deleted.", func(s deliveryStatus) float64 { return float64(s.Discarded) })
	counter("lost_events_total", "Events and records whose log frames were damaged: alarm on any.", func(s deliveryStatus) float64 { return float64(s.totals.Lost()) })
	counter("objects_total", "Objects put and committed.", func(s deliveryStatus) float64 { return float64(s.Objects) })
	counter("object_bytes_total", "Size of the objects, compressed.", func(s deliveryStatus) float64 { return float64(s.ObjectBytes) })
	gauge("in_flight_events", "Events and records that wait to be delivered.", func(s deliveryStatus) float64 { return float64(s.totals.InFlight) })
	gauge("in_flight_bytes", "Bytes of messages and data that wait to be delivered.", func(s deliveryStatus) float64 { return float64(s.InFlightBytes) })
	gauge("freshness_seconds", "Age of the oldest event or record that waits (DataFreshness).", func(s deliveryStatus) float64 {
		if s.Oldest == 0 {
			return 0
		}
		return float64(a.clock.Now().UnixMilli()-s.Oldest) / 1000
	})
	gauge("condition", "0 delivering, 1 retrying, 2 parked, 3 stopped, 4 fenced: alarm on 2 and more.", func(s deliveryStatus) float64 { return float64(s.Condition) })
}

func (a *App) collectLog() {
	stats := func(value func(wal.Stats) uint64) func(func(float64, ...string)) {
		return func(emit func(float64, ...string)) {
			for shard := range uint32(a.store.Shards()) {
				emit(float64(value(a.store.Log(shard).Stats())), strconv.Itoa(int(shard)))
			}
		}
	}
	counter := func(name, help string, value func(wal.Stats) uint64) {
		a.registry.Collect(obs.CounterKind, "sluice_log_"+name, help, []string{"shard"}, stats(value))
	}
	counter("frames_total", "Frames sequenced since the start.", func(s wal.Stats) uint64 { return s.Frames })
	counter("bytes_total", "Bytes of the frames sequenced since the start, headers included.", func(s wal.Stats) uint64 { return s.Bytes })
	counter("commits_total", "Syncs of frames since the start.", func(s wal.Stats) uint64 { return s.Commits })
	counter("damages_total", "Damaged ranges of the log found since the start: alarm on any.", func(s wal.Stats) uint64 { return s.Damages })
	counter("missing_frames_total", "Frames that damaged ranges of the log cost.", func(s wal.Stats) uint64 { return s.Missing })
}
