// Package exporttask is the room for CreateExportTask: jobs that copy what a log
// group holds between two instants into objects.
//
// It has no code yet. What will enter: a task definition from the catalog and a
// scan of the store. What will leave: objects through internal/objput, written
// by internal/format, and the task's state. Tasks live in the catalog, so that a
// crash costs the object under way and nothing else.
package exporttask
