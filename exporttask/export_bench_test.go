package exporttask

import (
	"fmt"
	"path/filepath"
	"testing"

	"sluice/bench/corpus"
	"sluice/exporttask/exporttasktest"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// benchBytes is how much a benchmark stores, of messages.
const benchBytes = 256 << 20

// loads are what a benchmark exports.
type loads struct {
	name    string
	kind    corpus.Kind
	streams int
	events  int   // in a batch
	step    int64 // ms from an event to the next one of its batch
	every   int64 // ms from a batch to the next one of its stream
	s3      bool  // into a gateway instead of a folder
}

// Few streams have large batches one after the other: no spool. Many have small
// ones, each beginning before the one before it has ended.
var benchLoads = []loads{
	{"json/few", corpus.App, 8, 1600, 1, 1600, false},
	{"text/few", corpus.Access, 8, 2800, 1, 2800, false},
	{"json/many", corpus.App, 200, 200, 125, 10_000, true},
	{"text/many", corpus.Access, 200, 200, 125, 10_000, true},
}

// stored is a world over a store on disk, compacted, with its message bytes.
func stored(b *testing.B, l loads) (w *world, messages int64) {
	dir := b.TempDir()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	s, err := store.Open(vfs.OS, store.Config{Dir: filepath.Join(dir, "wal"), Files: filepath.Join(dir, "store"), TailBytes: 4 << 20})
	must(err)
	b.Cleanup(func() { s.Close() })
	cat, err := catalog.Open(catalog.NewMemory())
	must(err)
	w = &world{t: b, fs: vfs.OS, cat: cat, store: s}
	w.group, err = cat.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "g", Class: "STANDARD"})
	must(err)
	lines := corpus.New(l.kind, 1, corpus.Epoch)
	uids := make([]uint64, l.streams)
	for i := range uids {
		stream, err := cat.CreateLogStream(w.group.UID, fmt.Sprintf("s%03d", i), 1)
		must(err)
		uids[i] = stream.UID
	}
	for n := 0; messages < benchBytes; n++ {
		messages += w.append(lines, uids[n%l.streams], int64(n/l.streams)*l.every, l)
	}
	must(s.Compact(b.Context()))
	tasks, err := catalog.OpenTable[Task](cat, catalog.ExportTasks)
	must(err)
	w.room, err = New(Config{
		Groups: cat, Events: s, Objects: objects(b, l, dir), Tasks: tasks, Clock: clock.Real{}, FS: vfs.OS, Dir: filepath.Join(dir, "exports"),
		StreamBytes: func(uid uint64) int64 { s, _ := s.StreamStats(uid); return s.Bytes },
	})
	must(err)
	return w, messages
}

// objects opens a folder, or a gateway.
func objects(b *testing.B, l loads, dir string) Objects {
	if !l.s3 {
		folder, err := objput.OpenFolder(vfs.OS, filepath.Join(dir, "s3"))
		if err != nil {
			b.Fatal(err)
		}
		return folder
	}
	gateway := objputtest.StartVersityGW(b)
	gateway.MakeBucket(b, bucket)
	objputtest.SetCredentials(b, gateway.AccessKey, gateway.SecretKey)
	s3, err := objput.OpenS3(b.Context(), objput.S3Config{Endpoint: gateway.URL})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s3.Close() })
	return s3
}

// append stores a batch.
func (w *world) append(lines *corpus.Generator, stream uint64, at int64, l loads) (size int64) {
	w.t.Helper()
	b := event.GetBuilder(2 << 20)
	defer b.Release()
	var line []byte
	for i := range l.events {
		line, _ = lines.AppendEvent(line[:0])
		if err := b.Append(at+int64(i)*l.step, line); err != nil {
			w.t.Fatal(err)
		}
		size += int64(len(line))
	}
	sealed, err := b.Seal(event.Header{GroupUID: w.group.UID, StreamUID: stream, Ingested: at, Request: lines.Seq()}, event.Source{LogGroup: "g", LogStream: "s"})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Append(w.t.Context(), sealed); err != nil {
		w.t.Fatal(err)
	}
	return size
}

// BenchmarkTask exports a group from compacted files on disk into gzip objects
// and compares the CPU it takes to the sum of its stages, each alone and bare in
// the same run (exporttasktest).
//
//	MB/cpu-s   message bytes (1e6) of the whole task by CPU-second
//	of-stages  the stages' CPU time by that of the task
func BenchmarkTask(b *testing.B) {
	for _, l := range benchLoads {
		b.Run(l.name, func(b *testing.B) {
			w, messages := stored(b, l)
			found := exporttasktest.Stages(b, exporttasktest.Load{
				Store: w.store, Group: w.group.UID, Sample: benchBytes, Spool: l.s3,
				Objects: w.room.cfg.Objects, Bucket: bucket, ObjectBytes: min(defaultObjectMB<<20, messages/int64(l.streams)),
			})
			task := w.preset()
			n := 0
			before := exporttasktest.CPU(b)
			for b.Loop() {
				n++
				task.ID = fmt.Sprint("task", n)
				if err := w.room.cfg.Tasks.Create(logsapitest.Scope, task.ID, task); err != nil {
					b.Fatal(err)
				}
				stop := w.run()
				if got := w.ended(task.ID); got.Code != completed || got.Progress.LogStreamsDone != l.streams {
					b.Fatalf("%+v", got)
				}
				stop()
			}
			spent := exporttasktest.CPU(b) - before
			whole, sum := float64(spent)/float64(n)/float64(messages), 0.0
			for _, s := range found {
				sum += s.NanosPerByte
				b.ReportMetric(s.NanosPerByte, s.Name+"-ns/B")
			}
			b.SetBytes(messages)
			b.ReportMetric(whole, "ns/B")
			b.ReportMetric(1000/whole, "MB/cpu-s")
			b.ReportMetric(sum/whole, "of-stages")
		})
	}
}
