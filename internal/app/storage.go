package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/logsapi"
	"sluice/internal/obs"
	"sluice/internal/store"
	"sluice/internal/wal"
)

func (s *Storage) setDefaults() {
	setDefault(&s.Policy, string(store.Block))
	setDefault(&s.MinFreeBytes, 128<<20)
	setDefault(&s.CacheBytes, 32<<20)
}

// check refuses a budget in which the log cannot even turn over.
func (s *Storage) check(log Log) error {
	least := 4 * log.SegmentBytes * int64(log.Shards)
	switch {
	case s.Policy != string(store.Block) && s.Policy != string(store.DropOldest):
		return misconfigured("storage.policy: %q is neither block nor drop-oldest", s.Policy)
	case s.MaxBytes < 0 || s.MinFreeBytes < 0 || s.CompactBytesPerSecond < 0 || s.CacheBytes < 1<<20:
		return misconfigured("storage: sizes are not negative, and cache_bytes is at least 1 MiB")
	case s.MaxBytes > 0 && s.MaxBytes < least:
		return misconfigured("storage.max_bytes: %d is less than four segments of each log shard (%d)", s.MaxBytes, least)
	}
	return nil
}

// storeConfig is the store's part of the configuration. What asks the dispatcher
// and the catalog does so once the store runs.
func (a *App) storeConfig() store.Config {
	s := a.cfg.Storage
	return store.Config{
		Dir: a.dir.path("wal"), Files: a.dir.path("store"), Shards: a.cfg.Log.Shards,
		SegmentBytes: a.cfg.Log.SegmentBytes, TailBytes: a.cfg.Log.TailBytes,
		CacheBytes: s.CacheBytes, CompactRate: s.CompactBytesPerSecond, Compact: compact.Options{NGrams: true},
		MaxBytes: s.MaxBytes, Policy: store.Policy(s.Policy), MinFreeBytes: s.MinFreeBytes,
		Needed: a.neededOfLog,
		Keep:   a.keepFrame, Live: a.liveFrom, Class: a.classOf, Logger: a.log,
		Quarantine: func(shard uint32, d wal.Damage) {
			a.log.Error("log damage gone around", "shard", shard, "segment", d.Segment, "offset", d.Offset,
				"bytes", d.Length, "first", d.FirstSeq, "last", d.LastSeq, "what", d.Reason)
		},
	}
}

// keepFrame tells whether a frame must outlive its segment of the log. Plans,
// commits, positions and counters need not: what they say is in the snapshots.
func (a *App) keepFrame(shard uint32, f wal.Frame) bool {
	switch f.Type {
	case wal.TypeMatches, wal.TypePut, wal.TypeRecords:
		return a.indexes[shard].Wants(f)
	}
	return false
}

// liveFrom tells from which instant on a log stream's events are kept.
func (a *App) liveFrom(group, stream uint64) (from int64, ok bool) {
	g, ok := a.catalog.GroupByUID(group)
	if ok && stream != 0 {
		_, ok = a.catalog.StreamByUID(stream)
	}
	if ok && g.RetentionDays > 0 {
		from = a.clock.Now().Add(-time.Duration(g.RetentionDays) * 24 * time.Hour).UnixMilli()
	}
	return from, ok
}

// classOf tells how long a log group's events can be read back.
func (a *App) classOf(group uint64) store.Class {
	g, _ := a.catalog.GroupByUID(group)
	return logsapi.ClassOf(g)
}

// appender tells clients to come again when the disk budget is used up.
type appender struct{ *store.Store }

// Append implements ingest.Appender.
func (a appender) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	p, err := a.Store.Append(ctx, b)
	if errors.Is(err, store.ErrFull) {
		err = fmt.Errorf("%w: %w", &awsapi.Error{Code: awsapi.CodeThrottling, Message: "Rate exceeded: the disk budget is used up"}, err)
	}
	return p, err
}

func (a *App) collectStorage() {
	r := a.registry
	gauge := func(name, help string, value func(store.Disk) float64) {
		r.Collect(obs.GaugeKind, "sluice_storage_"+name, help, nil, func(emit func(float64, ...string)) { emit(value(a.store.Disk())) })
	}
	counter := func(name, help string, value func(store.Disk) float64) {
		r.CounterFunc("sluice_storage_"+name, help, func() float64 { return value(a.store.Disk()) })
	}
	gauge("log_bytes", "Segments of the log, whole files.", func(d store.Disk) float64 { return float64(d.LogBytes) })
	gauge("files", "Compacted files.", func(d store.Disk) float64 { return float64(d.Files) })
	gauge("file_bytes", "Size of the compacted files.", func(d store.Disk) float64 { return float64(d.FileBytes) })
	gauge("text_bytes", "Size of the events in compacted files, uncompressed.", func(d store.Disk) float64 { return float64(d.TextBytes) })
	gauge("full", "1 while the disk budget is used up and clients are refused.", func(d store.Disk) float64 {
		if d.Full {
			return 1
		}
		return 0
	})
	counter("compacted_bytes_total", "Log that became compacted files since the start.", func(d store.Disk) float64 { return float64(d.Work.Compacted) })
	counter("merged_bytes_total", "Compacted files that became others since the start.", func(d store.Disk) float64 { return float64(d.Work.Merged) })
	counter("written_bytes_total", "Compacted files written since the start.", func(d store.Disk) float64 { return float64(d.Work.Written) })
	counter("compaction_seconds_total", "Time that compaction took since the start.", func(d store.Disk) float64 { return d.Work.Seconds })
	counter("damages_total", "Damaged places found in compacted files since the start.", func(d store.Disk) float64 { return float64(d.Damages) })
	removed := func(name, help string, value func(store.Amount) int64) {
		r.Collect(obs.CounterKind, "sluice_storage_removed_"+name, help, []string{"reason"}, func(emit func(float64, ...string)) {
			for reason, sum := range a.store.Disk().Removed {
				emit(float64(value(sum)), reason.String())
			}
		})
	}
	removed("events_total", "Events that left the disk: deleted, expired, dropped by the budget, opted out by their log group.", func(m store.Amount) int64 { return m.Events })
	removed("bytes_total", "Message bytes of the events that left the disk.", func(m store.Amount) int64 { return m.Bytes })
}
