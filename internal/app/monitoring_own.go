package app

import (
	"context"
	"time"

	"sluice/internal/catalog"
	cloudwatch "sluice/internal/monitoring/metrics"
)

// ownEvery is how often sluice tells what it did in metrics of AWS's names.
const ownEvery = time.Minute

// ownSeries is one of these metrics.
type ownSeries struct {
	scope           catalog.Scope
	namespace, name string
	dimension       [2]string // name and value; empty: none
	filter          string    // FilterName, of what a filter forwards
	unit            string
}

func (s ownSeries) key() []byte {
	m := cloudwatch.Metric{Namespace: s.namespace, Name: s.name, Unit: s.unit}
	if s.dimension[0] != "" {
		m.Dimensions = append(m.Dimensions, cloudwatch.Dimension{Name: s.dimension[0], Value: s.dimension[1]})
	}
	if s.filter != "" {
		m.Dimensions = append(m.Dimensions, cloudwatch.Dimension{Name: "FilterName", Value: s.filter})
	}
	return cloudwatch.AppendKey(nil, s.scope, m)
}

// own is what sluice did so far, by series, and how it stands now.
type own struct{ counters, gauges map[ownSeries]float64 }

const (
	namespaceLogs     = "AWS/Logs"
	namespaceFirehose = "AWS/Firehose"
)

// runOwn puts once a minute what was done since the minute before, first of all
// since the ports were opened. What a crash cuts off of a minute is not told.
func (a *App) runOwn(ctx context.Context) error {
	timer := a.clock.NewTimer("metrics of sluice itself", ownEvery)
	defer timer.Stop()
	before := a.atStart
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := a.observe()
		for _, namespace := range []string{namespaceLogs, namespaceFirehose} {
			if err := a.samples.Append(ctx, namespace, a.ownDeltas(namespace, before, now)); err != nil && ctx.Err() == nil {
				a.log.Warn("metrics of sluice itself miss a minute", "error", err)
			}
		}
		before = now
		timer.Reset(ownEvery)
	}
}

// ownDeltas is what was done between two observations, in one namespace.
func (a *App) ownDeltas(namespace string, before, now own) *cloudwatch.Deltas {
	d := &cloudwatch.Deltas{}
	at := a.clock.Now().UnixMilli() - 1 // of the minute that ends
	for s, value := range now.counters {
		if did := value - before.counters[s]; did > 0 && s.namespace == namespace {
			d.Of(s.key()).Add(at, did, 1, false)
		}
	}
	for s, value := range now.gauges {
		if s.namespace == namespace {
			d.Of(s.key()).Add(at, value, 1, false)
		}
	}
	return d
}

func (a *App) observe() own {
	o := own{counters: map[ownSeries]float64{}, gauges: map[ownSeries]float64{}}
	a.observeLogs(o)
	a.observeFirehose(o)
	return o
}

func (a *App) observeLogs(o own) {
	t := a.store.Totals()
	o.counters[ownSeries{scope: a.scope(), namespace: namespaceLogs, name: "IncomingLogEvents", unit: "Count"}] = float64(t.Events)
	o.counters[ownSeries{scope: a.scope(), namespace: namespaceLogs, name: "IncomingBytes", unit: "Bytes"}] = float64(t.Bytes)
	for _, g := range a.catalog.AllGroups() {
		if n := a.store.GroupBytes(g.UID); n > 0 {
			o.counters[ownSeries{scope: g.Scope, namespace: namespaceLogs, name: "IncomingBytes", dimension: [2]string{"LogGroupName", g.Name}, unit: "Bytes"}] = float64(n)
		}
	}
	for key, t := range a.tallies() {
		s := ownSeries{scope: key.scope, namespace: namespaceLogs, dimension: [2]string{"LogGroupName", key.group}, filter: key.filter}
		s.name, s.unit = "ForwardedLogEvents", "Count"
		o.counters[s] = float64(t.Matched)
		s.name, s.unit = "ForwardedBytes", "Bytes"
		o.counters[s] = float64(t.Bytes)
	}
}

func (a *App) observeFirehose(o own) {
	now := a.clock.Now().UnixMilli()
	for _, d := range a.deliveryStatus() {
		s := ownSeries{
			scope: catalog.Scope{Account: d.Account, Region: d.Region}, namespace: namespaceFirehose,
			dimension: [2]string{"DeliveryStreamName", d.Name},
		}
		count := func(name, unit string, value int64) {
			s.name, s.unit = name, unit
			o.counters[s] = float64(value)
		}
		count("IncomingRecords", "Count", d.totals.Accepted)
		count("IncomingBytes", "Bytes", d.totals.AcceptedBytes)
		count("DeliveryToS3.Records", "Count", int64(d.Delivered))
		count("DeliveryToS3.Bytes", "Bytes", int64(d.DeliveredBytes))
		count("DeliveryToS3.ObjectCount", "Count", int64(d.Objects))
		age := 0.0
		if d.Oldest > 0 {
			age = float64(max(0, now-d.Oldest)) / 1000
		}
		s.name, s.unit = "DeliveryToS3.DataFreshness", "Seconds"
		o.gauges[s] = age
		// 1 while objects are put, 0 while the put is retried, parked or stopped.
		s.name, s.unit = "DeliveryToS3.Success", "Count"
		o.gauges[s] = 0
		if d.Condition == 0 {
			o.gauges[s] = 1
		}
	}
}
