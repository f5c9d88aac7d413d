package exporttask

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/bench/corpus"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/objput"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// cpu is the time this process has spent on its cores: wall time says little on
// a machine that is shared.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const (
	benchStreams = 8
	benchBytes   = 256 << 20 // of messages
)

// stored is a world over a store on disk, compacted, with its message bytes.
func stored(b *testing.B, kind corpus.Kind) (w *world, messages int64) {
	dir := b.TempDir()
	s, err := store.Open(vfs.OS, store.Config{Dir: filepath.Join(dir, "wal"), Files: filepath.Join(dir, "store"), TailBytes: 4 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	cat, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		b.Fatal(err)
	}
	w = &world{t: b, fs: vfs.OS, cat: cat, store: s}
	if w.group, err = cat.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "g", Class: "STANDARD"}); err != nil {
		b.Fatal(err)
	}
	lines := corpus.New(kind, 1, corpus.Epoch)
	var uids [benchStreams]uint64
	for i := range uids {
		stream, err := cat.CreateLogStream(w.group.UID, fmt.Sprint("s", i), 1)
		if err != nil {
			b.Fatal(err)
		}
		uids[i] = stream.UID
	}
	at := int64(0)
	for n := 0; messages < benchBytes; n++ {
		size := w.append(lines, uids[n%benchStreams], &at)
		messages += size
	}
	if err := s.Compact(b.Context()); err != nil {
		b.Fatal(err)
	}
	if w.bucket, err = objput.OpenFolder(vfs.OS, filepath.Join(dir, "s3")); err != nil {
		b.Fatal(err)
	}
	tasks, err := catalog.OpenTable[Task](cat, catalog.ExportTasks)
	if err != nil {
		b.Fatal(err)
	}
	w.room, err = New(Config{Groups: cat, Events: s, Objects: w.bucket, Tasks: tasks, Clock: clock.Real{}, FS: vfs.OS, Dir: filepath.Join(dir, "exports")})
	if err != nil {
		b.Fatal(err)
	}
	return w, messages
}

// append stores a batch of about 512 KiB.
func (w *world) append(lines *corpus.Generator, stream uint64, at *int64) (size int64) {
	w.t.Helper()
	b := event.GetBuilder(1 << 20)
	defer b.Release()
	var line []byte
	for size < 512<<10 {
		line, _ = lines.AppendEvent(line[:0])
		*at++
		if err := b.Append(*at, line); err != nil {
			w.t.Fatal(err)
		}
		size += int64(len(line))
	}
	sealed, err := b.Seal(event.Header{GroupUID: w.group.UID, StreamUID: stream, Ingested: *at, Request: uint64(*at)}, event.Source{LogGroup: "g", LogStream: "s"})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Append(w.t.Context(), sealed); err != nil {
		w.t.Fatal(err)
	}
	return size
}

// BenchmarkTask exports a group from compacted files on disk into gzip objects in
// a folder, and compares the CPU it takes to the sum of its stages, each alone in
// the same run: reading batches, making lines, gzip, putting objects.
//
//	MB/cpu-s   message bytes (1e6) of the whole task by CPU-second
//	of-stages  the stages' CPU time by that of the task
func BenchmarkTask(b *testing.B) {
	for _, c := range []struct {
		name string
		kind corpus.Kind
	}{{"json", corpus.App}, {"text", corpus.Access}} {
		b.Run(c.name, func(b *testing.B) {
			w, messages := stored(b, c.kind)
			read, form, zip, put := w.stages(b)
			task := w.preset()
			n := 0
			before := cpu(b)
			for b.Loop() {
				n++
				task.ID = fmt.Sprint("task", n)
				if err := w.room.cfg.Tasks.Create(logsapitest.Scope, task.ID, task); err != nil {
					b.Fatal(err)
				}
				stop := w.run()
				if got := w.ended(task.ID); got.Code != completed || got.Progress.LogStreamsDone != benchStreams {
					b.Fatalf("%+v", got)
				}
				stop()
			}
			spent := (cpu(b) - before) / time.Duration(n)
			rate := func(d time.Duration) float64 { return float64(messages) / 1e6 / d.Seconds() }
			b.SetBytes(messages)
			b.ReportMetric(rate(spent), "MB/cpu-s")
			b.ReportMetric((read+form+zip+put).Seconds()/spent.Seconds(), "of-stages")
			b.ReportMetric(rate(read), "read-MB/cpu-s")
			b.ReportMetric(rate(form), "lines-MB/cpu-s")
			b.ReportMetric(rate(zip), "gzip-MB/cpu-s")
			b.ReportMetric(rate(put), "put-MB/cpu-s")
		})
	}
}

// stages are the CPU times of the stages alone.
func (w *world) stages(b *testing.B) (read, lines, zip, put time.Duration) {
	task := w.preset()
	query := store.Query{Group: task.GroupUID, To: math.MaxInt64}
	var places []store.Place
	if err := w.store.Places(b.Context(), query, task.Below, func(p store.Place) { places = append(places, p) }); err != nil {
		b.Fatal(err)
	}
	each := func(visit func(event.Batch) error) time.Duration {
		before := cpu(b)
		for _, p := range places {
			if err := w.store.Batch(p.Position, visit); err != nil {
				b.Fatal(err)
			}
		}
		return cpu(b) - before
	}
	read = each(func(event.Batch) error { return nil })

	// One object's worth of text at a time: what a task has in memory, too.
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		b.Fatal(err)
	}
	var l bareLines
	packed := &format.Body{}
	objects := 0
	flush := func() error {
		before := cpu(b)
		z.Reset(packed)
		for rest := l.text; len(rest) > 0; {
			n := min(lineBuffer, len(rest))
			z.Write(rest[:n])
			rest = rest[n:]
		}
		if err := z.Close(); err != nil {
			return err
		}
		zipped := cpu(b)
		zip += zipped - before
		objects++
		err := w.bucket.PutIfAbsent(context.Background(), bucket, fmt.Sprintf("stages/%06d.gz", objects), objput.Object{Body: packed, Size: packed.Size()})
		put += cpu(b) - zipped
		packed.Release()
		packed, l.text = &format.Body{}, l.text[:0]
		return err
	}
	each(func(v event.Batch) error {
		before := cpu(b)
		l.append(v)
		lines += cpu(b) - before
		if len(l.text) >= defaultObjectMB<<20 {
			return flush()
		}
		return nil
	})
	if err := flush(); err != nil {
		b.Fatal(err)
	}
	return read, lines, zip, put
}

// bareLines makes lines as AWS has them, and nothing else.
type bareLines struct {
	lines
	text []byte
}

func (l *bareLines) append(b event.Batch) {
	for i := range b.Len() {
		l.text = l.appendInstant(l.text, b.Timestamp(i))
		l.text = append(l.text, b.Message(i)...)
		l.text = append(l.text, '\n')
	}
}
