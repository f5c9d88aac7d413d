package app

import (
	"fmt"

	"sluice/exporttask"
	"sluice/internal/catalog"
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
		ActiveTasks: a.quota(1), Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.add(room{"export tasks", exports.Run}, exports.Operations()...)
	return nil
}
