package app

import (
	"fmt"

	"sluice/exporttask"
	"sluice/internal/catalog"
	"sluice/internal/obs"
)

// openExports makes the room of export tasks.
func (a *App) openExports() error {
	buckets, ok := a.objects.(exporttask.Objects)
	if !ok {
		return fmt.Errorf("open export tasks: object store %s does not tell whether a bucket exists", a.cfg.S3)
	}
	tasks, err := catalog.OpenTable[exporttask.Task](a.catalog, catalog.ExportTasks)
	if err != nil {
		return err
	}
	exports, err := exporttask.New(exporttask.Config{
		Groups: a.catalog, Events: a.store, Objects: buckets, Tasks: tasks, Clock: a.clock,
		FS: a.cfg.FS, Dir: a.dir.path("exports"), GroupBytes: a.store.GroupBytes,
		StreamBytes: func(uid uint64) int64 { s, _ := a.store.StreamStats(uid); return s.Bytes },
		ActiveTasks: a.quota(1), Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.addFor(roleExport, room{"export tasks", exports.Run}, exports.Operations()...)
	a.collectExports(exports.Stats)
	return nil
}

func (a *App) collectExports(stats func() exporttask.Stats) {
	r := a.registry
	r.Collect(obs.GaugeKind, "sluice_export_tasks", "Export tasks that are listed, by state: alarm on FAILED.", []string{"state"},
		func(emit func(float64, ...string)) {
			for state, n := range stats().Tasks {
				emit(float64(n), state)
			}
		})
	counter := func(name, help string, value func(exporttask.Stats) int64) {
		r.CounterFunc("sluice_export_"+name, help, func() float64 { return float64(value(stats())) })
	}
	counter("objects_total", "Objects of export tasks put since the start.", func(s exporttask.Stats) int64 { return s.Objects })
	counter("events_total", "Events in the objects of export tasks.", func(s exporttask.Stats) int64 { return s.Events })
	counter("bytes_total", "Bytes of the objects of export tasks before compression.", func(s exporttask.Stats) int64 { return s.Bytes })
	counter("object_bytes_total", "Size of the objects of export tasks, compressed.", func(s exporttask.Stats) int64 { return s.ObjectBytes })
}
