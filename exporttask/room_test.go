package exporttask

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/objput"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// world is a store, a bucket and a room over one file system in memory.
type world struct {
	t      testing.TB
	fs     vfs.FS
	cat    *catalog.Catalog
	store  *store.Store
	bucket *objput.Folder
	room   *Room
	group  catalog.LogGroup
}

const bucket = "exports"

// open opens what is on a disk. The definitions are made anew each time, and come
// out the same.
func open(t testing.TB, fsys vfs.FS, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, fs: fsys}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.cat, err = catalog.Open(catalog.NewMemory())
	must(err)
	w.group, err = w.cat.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "g", Class: "STANDARD"})
	must(err)
	for _, name := range []string{"a/b", "a-b", "c", "empty"} {
		_, err = w.cat.CreateLogStream(w.group.UID, name, 1)
		must(err)
	}
	w.store, err = store.Open(fsys, store.Config{Dir: "/wal", SegmentBytes: 1 << 20, TailBytes: 64 << 10})
	must(err)
	t.Cleanup(func() { w.store.Close() })
	w.bucket, err = objput.OpenFolder(fsys, "/s3")
	must(err)
	tasks, err := catalog.OpenTable[Task](w.cat, catalog.ExportTasks)
	must(err)
	cfg := Config{Groups: w.cat, Events: w.store, Objects: w.bucket, Tasks: tasks, Clock: clock.Real{}, FS: fsys, Dir: "/exports", SortBytes: 64 << 10}
	if change != nil {
		change(&cfg)
	}
	w.room, err = New(cfg)
	must(err)
	return w
}

// run runs the room until the test, or the returned function, ends it.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.room.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) put(stream string, times ...int64) {
	w.t.Helper()
	s, ok := w.cat.Stream(w.group.UID, stream)
	if !ok {
		w.t.Fatal("no stream", stream)
	}
	b := event.GetBuilder(len(times) * 256)
	defer b.Release()
	for i, at := range times {
		if err := b.Append(at, fmt.Appendf(nil, "%s %d %d %s", stream, at, i, strings.Repeat("x", 100))); err != nil {
			w.t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: w.group.UID, StreamUID: s.UID, Ingested: 9, Request: uint64(times[0]) * 7}, event.Source{LogGroup: "g", LogStream: stream})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Append(w.t.Context(), sealed); err != nil {
		w.t.Fatal(err)
	}
}

// fill stores batches of two streams that overlap in time, and of one that does not.
func (w *world) fill(batches int64, r *rand.Rand) {
	for n := range batches {
		for _, stream := range []string{"a/b", "a-b", "c"} {
			times := make([]int64, 20)
			for i := range times {
				times[i] = n*1000 + int64(i)*50
				if stream != "c" {
					times[i] += r.Int64N(2000)
				}
			}
			slices.Sort(times)
			w.put(stream, times...)
		}
	}
}

// state waits for a task to end.
func (w *world) ended(id string) Task {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if t, ok := w.room.cfg.Tasks.Get(logsapitest.Scope, id); ok && t.ended() {
			return t
		}
	}
	w.t.Fatal("the task does not end")
	return Task{}
}

// objects reads everything under the task's folder, decoded.
func (w *world) objects() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := w.bucket.List(w.t.Context(), bucket, "exportedlogs/", func(o objput.Listed) error {
		r, err := w.bucket.Get(w.t.Context(), bucket, o.Key)
		if err != nil {
			return err
		}
		defer r.Close()
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("%s: %w", o.Key, err)
		}
		text, err := io.ReadAll(z)
		all[o.Key] = string(text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) preset() Task {
	return Task{ID: "task", LogGroup: "g", GroupUID: w.group.UID, To: 1 << 40, Bucket: bucket, Prefix: "exportedlogs",
		Below: w.store.Durable(), Code: pending, Options: Options{}}
}

// TestExportHoldsEachEventOnceInOrder exports streams that overlap and share a
// folder.
func TestExportHoldsEachEventOnceInOrder(t *testing.T) {
	w := open(t, vfs.NewMem(), nil)
	w.fill(60, rand.New(rand.NewPCG(1, 2)))
	task := w.preset()
	w.put("c", 5) // later than the task
	if err := w.room.cfg.Tasks.Create(logsapitest.Scope, task.ID, task); err != nil {
		t.Fatal(err)
	}
	w.run()
	got := w.ended("task")
	if got.Code != completed || got.Progress.Events != 3600 || got.Progress.LogStreams != 4 || got.Progress.LogStreamsDone != 4 {
		t.Errorf("%+v", got)
	}
	seen := map[string]bool{}
	objects := w.objects()
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		last, stream := "", ""
		for line := range strings.Lines(objects[key]) {
			at, message, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			instant, err := time.Parse("2006-01-02T15:04:05.000Z", at)
			fields := strings.Fields(message)
			if !ok || err != nil || len(fields) != 4 || fields[1] != fmt.Sprint(instant.UnixMilli()) {
				t.Fatalf("%s: %q", key, line)
			}
			if seen[message] {
				t.Errorf("twice: %s", message)
			}
			seen[message] = true
			if stream == fields[0] && at < last {
				t.Errorf("%s: %s after %s", key, at, last)
			}
			stream, last = fields[0], at
		}
	}
	if len(seen) != 3600 || len(objects) != 2 {
		t.Errorf("%d events in %d objects", len(seen), len(objects))
	}
	manifest, err := w.bucket.Get(t.Context(), bucket, "_sluice/export/task.json")
	if err != nil {
		t.Fatal(err)
	}
	defer manifest.Close()
	text, _ := io.ReadAll(manifest)
	if !bytes.Contains(text, []byte(`"records": 3600`)) {
		t.Errorf("%s", text)
	}
}

// TestExportResumesByteIdentical stops an export at every step that reaches the
// disk, as a power failure does, and wants the same objects from the next start:
// from the store and from a spool.
func TestExportResumesByteIdentical(t *testing.T) {
	t.Run("store", func(t *testing.T) { testResume(t, func(*Config) {}) })
	t.Run("spool", func(t *testing.T) { testResume(t, func(c *Config) { c.SpoolLeast, c.StreamBytes = 1, tenBytes }) })
	t.Run("spools", func(t *testing.T) { // one for each two streams
		testResume(t, func(c *Config) { c.SpoolLeast, c.SpoolBytes, c.StreamBytes = 1, 25, tenBytes })
	})
}

func tenBytes(uint64) int64 { return 10 }

func testResume(t *testing.T, change func(*Config)) {
	mem := vfs.NewMem()
	w := open(t, mem, nil)
	w.fill(6, rand.New(rand.NewPCG(3, 4)))
	task := w.preset()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	export := func(fsys vfs.FS, task Task, change func(*Config)) map[string]string {
		t.Helper()
		w := open(t, fsys, func(c *Config) { c.Workers = 1; change(c) })
		if err := w.room.cfg.Tasks.Put(logsapitest.Scope, task.ID, task); err != nil {
			t.Fatal(err)
		}
		stop := w.run()
		got := w.ended("task")
		stop()
		if got.Code != completed {
			t.Fatalf("%+v", got)
		}
		if left, err := w.fs.ReadDir("/exports"); err != nil || len(left) > 0 {
			t.Fatalf("left behind: %v %v", left, err)
		}
		return w.objects()
	}
	want := export(mem.CrashClone(vfs.CrashOptions{}), task, func(*Config) {})
	spooled := 0 // writes to a spool
	r := rand.New(rand.NewPCG(5, 6))
	for crash, fired := 1, true; fired; crash++ {
		base := mem.CrashClone(vfs.CrashOptions{})
		var once sync.Mutex // guards ops and after
		var after *vfs.Mem
		ops := 0
		export(vfs.Fault(base, func(op vfs.Op) error {
			once.Lock()
			defer once.Unlock()
			if strings.HasPrefix(op.Name, "/exports") || strings.HasPrefix(op.Name, "/s3") {
				if op.Kind == vfs.OpWrite && strings.HasSuffix(op.Name, spoolExtension) {
					spooled++
				}
				if ops++; ops == crash {
					after = base.CrashClone(vfs.CrashOptions{Rand: r, TornLastWrite: true})
				}
			}
			return nil
		}), task, change)
		if fired = after != nil; fired {
			running := task
			running.Code = "RUNNING"
			if got := export(after, running, change); !maps.Equal(got, want) {
				t.Fatalf("after a crash at operation %d: %d objects, want %d, or others", crash, len(got), len(want))
			}
		}
	}
	var cfg Config
	if change(&cfg); (spooled > 0) != (cfg.SpoolLeast > 0) {
		t.Errorf("%d writes to a spool", spooled)
	}
}

func TestFromLastTakesWhatCameSince(t *testing.T) {
	w := open(t, vfs.NewMem(), nil)
	w.makeBucket()
	s := logsapitest.Serve(t, w.room.Operations()...)
	w.run()
	create := func() string {
		t.Helper()
		var out struct{ TaskID string }
		s.Done("CreateExportTask", `{"logGroupName":"g","from":0,"to":99999999,"destination":"exports","SluiceOptions":{"From":"last"}}`, &out)
		if got := w.ended(out.TaskID); got.Code != completed {
			t.Fatalf("%+v", got)
		}
		return out.TaskID
	}
	w.put("c", 1, 2, 3)
	create()
	w.put("c", 2) // late, and exported all the same
	second := create()
	third := create()
	for key, text := range w.objects() {
		switch {
		case strings.Contains(key, writeTest):
		case strings.Contains(key, second) && !strings.HasPrefix(text, "1970-01-01T00:00:00.002Z c 2 0 "),
			strings.Contains(key, third):
			t.Errorf("%s: %q", key, text)
		}
	}
}

func (w *world) makeBucket() {
	w.t.Helper()
	if err := w.fs.MkdirAll("/s3/" + bucket); err != nil {
		w.t.Fatal(err)
	}
}

func TestRecorded(t *testing.T) {
	r := logsapitest.Record(t, "logs_export_tasks.json")
	w := open(t, vfs.NewMem(), func(c *Config) { c.ActiveTasks = 1 })
	s := logsapitest.Serve(t, w.room.Operations()...)
	const test = "TestExportTasks::"
	const body = `{"logGroupName":"g","from":0,"to":1000,"destination":"exports"}`
	r.Same(t, s.Call("CreateExportTask", body), test+"test_create_export_task_bucket_not_found", "error-bucket-not-found")
	w.makeBucket()
	r.Same(t, s.Call("CreateExportTask", strings.Replace(body, `"g"`, `"none"`, 1)), test+"test_create_export_task_log_group_not_found", "error-log-group-not-found")
	r.Same(t, s.Call("DescribeExportTasks", `{"taskId":"00000000-0000-0000-0000-000000000000"}`), test+"test_describe_export_tasks_not_found", "task-not-found")
	r.Same(t, s.Call("CancelExportTask", `{"taskId":"00000000-0000-0000-0000-000000000000"}`), test+"test_cancel_export_task_not_found", "error-cancel-not-found")
	for prefix, want := range map[string]string{"_sluice": "must not lie under", "/_sluice/commit/lake": "must not lie under"} {
		if a := s.Call("CreateExportTask", strings.Replace(body, `}`, `,"destinationPrefix":"`+prefix+`"}`, 1)); !strings.Contains(a.Message, want) {
			t.Errorf("%s: %v", prefix, a)
		}
	}
	created := s.Call("CreateExportTask", body)
	id := created.Body.(map[string]any)["taskId"].(string)
	r.Same(t, created, test+"test_create_export_task", "create-export-task", id, "<uuid:1>")
	if a := s.Call("CreateExportTask", body); a.Code != "LimitExceededException" {
		t.Error(a)
	}
	var out struct{ ExportTasks []json.RawMessage }
	s.Done("DescribeExportTasks", `{"taskId":"`+id+`"}`, &out)
	if len(out.ExportTasks) != 1 || !strings.Contains(string(out.ExportTasks[0]), `"status":{"code":"PENDING"}`) {
		t.Errorf("%s", out.ExportTasks)
	}
	s.Done("CancelExportTask", `{"taskId":"`+id+`"}`, nil)
	if a := s.Call("CancelExportTask", `{"taskId":"`+id+`"}`); a.Message != "The specified export task has already finished" {
		t.Error(a)
	}
	if got := w.ended(id); got.Code != cancelled {
		t.Errorf("%+v", got)
	}
}

func TestKeysOfATask(t *testing.T) {
	f := func(prefix, want string) {
		t.Helper()
		if got := (&Task{Prefix: prefix}).key("id/s/000000.gz"); got != want {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
	f("", "id/s/000000.gz") // and not an empty folder
	f("exportedlogs", "exportedlogs/id/s/000000.gz")
	f("a/b", "a/b/id/s/000000.gz")
}

func TestPages(t *testing.T) {
	w := open(t, vfs.NewMem(), nil)
	for i := range 7 {
		task := Task{ID: fmt.Sprint("t", i), Created: int64(i), Code: completed}
		if err := w.room.cfg.Tasks.Create(logsapitest.Scope, task.ID, task); err != nil {
			t.Fatal(err)
		}
	}
	s := logsapitest.Serve(t, w.room.Operations()...)
	var got []string
	for token := ""; ; {
		var out struct {
			ExportTasks []struct{ TaskID string }
			NextToken   string
		}
		s.Done("DescribeExportTasks", `{"limit":3`+token+`}`, &out)
		for _, task := range out.ExportTasks {
			got = append(got, task.TaskID)
		}
		if out.NextToken == "" {
			break
		}
		token = `,"nextToken":"` + out.NextToken + `"`
	}
	if cmp.Compare(strings.Join(got, " "), "t6 t5 t4 t3 t2 t1 t0") != 0 {
		t.Error(got)
	}
}
