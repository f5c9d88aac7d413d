// Package exporttask is S3 export: the tasks of CreateExportTask and the workers
// that write a log group's events into objects.
//
// What enters: tasks over the API, and batches of internal/store, found by its
// index in the log or in compacted files. What leaves: objects through
// internal/objput, laid out as CloudWatch Logs does, and a manifest for each
// task:
//
//	<destinationPrefix>/<task id>/<log stream>/000000.gz, 000001.gz, ...
//	_sluice/export/<task id>.json
//
// A task exports what was durable when it was created: the positions are pinned
// in its definition, so that it is complete and what comes later does not change
// it. Events of a stream are sorted by time (sorter.go); an object ends where its
// events reach a size, which makes every object a function of what is stored.
//
// # Crashes
//
// Definitions are in the catalog, and so are the states that a task goes through.
// A journal in the data folder notes each object that was put and where the next
// one begins. A restart goes on from there; an object that was put but not noted
// is made again, with the same bytes, and found to be there. So a task that was
// killed at any point ends with the same objects as one that was not. The journal
// of a task that failed or was cancelled stays, so that it can be resumed.
//
// What may pass is waited for: an object store that is away, a disk that is full.
// The task's progress says what for. What will not pass by itself (a bucket that
// refuses, a log group that was deleted) fails the task.
//
// # Memory
//
// Each worker holds one object body, one encoder and the batches that overlap in
// time, at most Config.SortBytes of them.
//
// # Spool
//
// What is stored lies in the order of time, many streams in each block. Where
// streams are many and their batches small, a task first reads everything once
// into a file in the data folder, laid out by stream, and exports from there: at
// most Config.SpoolBytes at a time, so that a larger task goes through what is
// stored more than once. The spool outlives a crash, in parts of 16 to 64 MiB, and
// goes when its streams are exported. From a GiB on it is written and read around
// the machine's page cache (around.go). Without room for it the streams are read
// from the store, as they are where it would not pay. Filling holds one part in
// memory, and one task fills at a time.
package exporttask
