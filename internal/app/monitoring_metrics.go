package app

import (
	"strconv"

	"sluice/filter"
	"sluice/internal/catalog"
	"sluice/internal/event"
	cloudwatch "sluice/internal/monitoring/metrics"
	"sluice/internal/obs"
	"sluice/internal/wal"
)

// sampleStore is the store of CloudWatch metrics; metrics are sluice's own.
type sampleStore = cloudwatch.Store

func (m *Metrics) setDefaults() {
	setDefault(&m.PublishedSeries, 1000)
	setDefault(&m.DimensionSets, filter.AWSDimensionSets)
}

// openMetrics makes the store of samples and the operations on metric filters.
// What asks the dispatcher does so once it runs.
func (a *App) openMetrics() (*catalog.MetricFilterTable, error) {
	filters, err := catalog.OpenMetricFilters(a.catalog)
	if err != nil {
		return nil, err
	}
	logs := make([]*wal.Log, a.store.Shards())
	for i := range logs {
		logs[i] = a.store.Log(uint32(i))
	}
	if a.samples, err = cloudwatch.Open(cloudwatch.Config{
		FS: a.cfg.FS, Dir: a.dir.path("metrics"), Clock: a.clock, Logs: logs, Logger: a.log,
	}); err != nil {
		return nil, err
	}
	a.regexes = &filter.RegexQuota{Most: a.quota(filter.AWSRegexFiltersPerGroup), Subscriptions: a.catalog, Metrics: filters}
	api, err := filter.NewMetricAPI(filter.MetricAPIConfig{
		Groups: a.catalog, Filters: filters, Positions: a.store, Clock: a.clock,
		FiltersPerGroup: a.quota(filter.AWSMetricFiltersPerGroup), Regexes: a.regexes,
		Passed: func(ends []uint64) bool { return a.dispatcher.Passed(ends) },
	})
	if err != nil {
		return nil, err
	}
	a.add(room{"metrics", a.samples.Run}, append(a.samples.Operations(), api.Operations()...)...)
	a.add(room{"metrics of sluice itself", a.runOwn})
	a.collectSamples()
	a.collectMetricFilters(filters)
	return filters, nil
}

// neededOfLog is the first position of a shard that somebody may still read.
func (a *App) neededOfLog(shard uint32) uint64 {
	return min(a.dispatcher.Needed(shard), a.samples.Needed(shard))
}

// collectSamples exports the store, and the series that clients and filters make.
func (a *App) collectSamples() {
	r := a.registry
	r.GaugeFunc("sluice_metric_store_series", "Series with samples in the last two weeks.", func() float64 { return float64(a.samples.Sizes().Series) })
	r.GaugeFunc("sluice_metric_store_memory_bytes", "Samples that are in memory only, about.", func() float64 { return float64(a.samples.Sizes().MemoryBytes) })
	r.GaugeFunc("sluice_metric_store_files", "Files of samples.", func() float64 { return float64(a.samples.Sizes().Files) })
	r.GaugeFunc("sluice_metric_store_file_bytes", "Size of the files of samples.", func() float64 { return float64(a.samples.Sizes().FileBytes) })
	r.CounterFunc("sluice_metric_store_damages_total", "Pages and frames of samples that could not be read since the start.", func() float64 { return float64(a.samples.Damages()) })
	r.CounterFunc("sluice_metric_filter_capped_samples_total", "Samples that lost their dimensions since the start because their metric filter made too many sets of them.",
		func() float64 { return float64(a.dispatcher.Guarded()) })
	if a.cfg.Metrics.PublishedSeries < 0 {
		return
	}
	a.samples.Publish(a.cfg.Metrics.PublishedSeries)
	labels := []string{"account", "region", "namespace", "metric", "dimensions", "unit"}
	totals := func(value func(cloudwatch.Total) float64) func(func(float64, ...string)) {
		return func(emit func(float64, ...string)) {
			all, _ := a.samples.Totals()
			for _, t := range all {
				emit(value(t), t.Account, t.Region, t.Namespace, t.Name, t.Label(), t.Unit)
			}
		}
	}
	// A sum may go down where samples are negative.
	r.Collect(obs.GaugeKind, "sluice_metric_sum", "Sum of a series' samples since the start.", labels, totals(func(t cloudwatch.Total) float64 { return t.Sum }))
	r.Collect(obs.CounterKind, "sluice_metric_samples_total", "Samples of a series since the start.", labels, totals(func(t cloudwatch.Total) float64 { return t.Count }))
	r.CounterFunc("sluice_metric_unpublished_samples_total", "Samples since the start of series that are not shown because there are too many.", func() float64 {
		_, skipped := a.samples.Totals()
		return float64(skipped)
	})
}

// collectMetricFilters exports what each metric filter did.
func (a *App) collectMetricFilters(filters *catalog.MetricFilterTable) {
	tallies := func(value func(event.Tally) uint64) func(func(float64, ...string)) {
		return func(emit func(float64, ...string)) {
			for _, f := range filters.All() {
				if g, ok := a.catalog.GroupByUID(f.GroupUID); ok {
					emit(float64(value(a.dispatcher.Tally(f.Filter))), f.Scope.Account, f.Scope.Region, g.Name, f.Name, strconv.FormatUint(f.Filter, 10))
				}
			}
		}
	}
	labels := []string{"account", "region", "log_group", "filter", "uid"}
	r := a.registry
	r.Collect(obs.CounterKind, "sluice_metric_filter_read_events_total", "Events a metric filter looked at: matched + unmatched.", labels,
		tallies(func(t event.Tally) uint64 { return t.Read }))
	r.Collect(obs.CounterKind, "sluice_metric_filter_matched_events_total", "Events a metric filter matched.", labels,
		tallies(func(t event.Tally) uint64 { return t.Matched }))
	r.Collect(obs.CounterKind, "sluice_metric_filter_unmatched_events_total", "Events a metric filter passed over.", labels,
		tallies(func(t event.Tally) uint64 { return t.Read - t.Matched }))
}
