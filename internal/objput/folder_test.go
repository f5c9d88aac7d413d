package objput_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/objput"
	"sluice/internal/vfs"
)

func open(t testing.TB, fsys vfs.FS) *objput.Folder {
	t.Helper()
	f, err := objput.OpenFolder(fsys, "/data/s3")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func object(body string, meta map[string]string) objput.Object {
	return objput.Object{
		Body: strings.NewReader(body), Size: int64(len(body)),
		ContentType: "application/octet-stream", ContentEncoding: "gzip", Meta: meta,
	}
}

func get(t testing.TB, s objput.Store, bucket, key string) string {
	t.Helper()
	r, err := s.Get(context.Background(), bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var meta = map[string]string{"sluice-start": "17", "sluice-xxh64": "00ff"}

func TestPutHeadGet(t *testing.T) {
	ctx := context.Background()
	f := open(t, vfs.NewMem())
	if ok, err := f.BucketExists(ctx, "lake"); ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := f.PutIfAbsent(ctx, "lake", "2026/01/02/x.gz", object("body", meta)); err != nil {
		t.Fatal(err)
	}
	if ok, err := f.BucketExists(ctx, "lake"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want := objput.Attributes{Size: 4, ContentType: "application/octet-stream", ContentEncoding: "gzip", Meta: meta}
	if a, err := f.Head(ctx, "lake", "2026/01/02/x.gz"); err != nil || !cmp.Equal(a, want) {
		t.Error(a, err)
	}
	if err := f.PutIfAbsent(ctx, "lake", "2026/01/02/x.gz", object("other", nil)); err != objput.ErrExists {
		t.Error(err)
	}
	if got := get(t, f, "lake", "2026/01/02/x.gz"); got != "body" {
		t.Errorf("%q", got)
	}
	for _, key := range []string{"2026/01/02/y.gz", "2026/01/02", "2026/01/02/x.gz/deeper"} {
		if _, err := f.Head(ctx, "lake", key); key != "2026/01/02/x.gz/deeper" && !errors.Is(err, objput.ErrNotFound) {
			t.Error(key, err)
		}
		if _, err := f.Get(ctx, "none", key); !errors.Is(err, objput.ErrNotFound) {
			t.Error(key, err)
		}
	}
	if err := f.PutIfAbsent(ctx, "lake", "plain", object("p", nil)); err != nil {
		t.Fatal(err)
	}
	if a, err := f.Head(ctx, "lake", "plain"); err != nil || a.Meta != nil || a.Size != 1 {
		t.Error(a, err)
	}
}

func TestKeyToPath(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	put := func(bucket, key, want string) {
		t.Helper()
		if err := f.PutIfAbsent(context.Background(), bucket, key, object(key, meta)); err != nil {
			t.Errorf("%q: %v", key, err)
			return
		}
		b, err := vfs.ReadFile(mem, "/data/s3/"+want, 1<<20)
		if err != nil || string(b) != key {
			t.Errorf("%q: %q, %v", key, b, err)
		}
	}
	put("b", "a//b///c", "b/a/b/c")
	put("b", "/lead/trail/", "b/lead/trail")
	put("b", "../../up", "b/%2E%2E/%2E%2E/up")
	put("b", "./here", "b/%2E/here")
	put("b", "...", "b/...")
	put("b", "nul\x00", "b/nul%00")
	put("..", "out", "%2E%2E/out")
	put("b", "year=2026/日志", "b/year=2026/日志")
	put("b", strings.Repeat("x", 250), "b/"+strings.Repeat("x", 250))
	long := strings.Repeat("é", 200)
	if err := f.PutIfAbsent(context.Background(), "b", long, object("long", meta)); err != nil {
		t.Error(err)
	}
	if got := get(t, f, "b", long); got != "long" {
		t.Errorf("%q", got)
	}
	if err := f.PutIfAbsent(context.Background(), "b", long+"x", object("longer", meta)); err != nil {
		t.Error("keys that differ behind the cut:", err)
	}
}

func TestRefusedKeys(t *testing.T) {
	f := open(t, vfs.NewMem())
	for _, key := range []string{"a/file", "dir/a", "sl/x"} {
		if err := f.PutIfAbsent(context.Background(), "b", key, object(key, meta)); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(bucket, key, why string) {
		t.Helper()
		err := f.PutIfAbsent(context.Background(), bucket, key, object("new", meta))
		if !errors.Is(err, objput.ErrRefused) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", key, err)
		}
	}
	refused("b", "a/file/below", "not a directory")
	refused("b", "dir", "the key is the name of a folder")
	refused("b", "sl//x", `key "sl/x" has the same path`)
	refused("b", "", "names no file")
	refused("b", "//", "names no file")
	refused("b", "_sluice/meta/x", "folder of sluice's own")
	refused("b", "_sluice//tmp", "folder of sluice's own")
	refused("b", strings.Repeat("k", 1025), "1025 bytes")
	refused("", "k", "bucket")
	refused("a/b", "k", "bucket")
}

func TestManyPuttersOneWinner(t *testing.T) {
	f := open(t, vfs.NewMem())
	var wg sync.WaitGroup
	results := make([]error, 16)
	for i := range results {
		wg.Go(func() {
			results[i] = f.PutIfAbsent(context.Background(), "b", "k", object("same", meta))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if err != objput.ErrExists {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d puts made the object", won)
	}
}

func TestRivalsMetadataIsNotTrusted(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	ctx := context.Background()
	if err := f.PutIfAbsent(ctx, "b", "k", object("mine", meta)); err != nil {
		t.Fatal(err)
	}
	if err := f.PutIfAbsent(ctx, "b", "other", object("rival", meta)); err != nil {
		t.Fatal(err)
	}
	// A rival replaced the metadata of k between our metadata and our link.
	if err := mem.Rename("/data/s3/b/_sluice/meta/other.json", "/data/s3/b/_sluice/meta/k.json"); err != nil {
		t.Fatal(err)
	}
	if a, err := f.Head(ctx, "b", "k"); err != nil || a.Meta != nil {
		t.Error(a, err)
	}
}

// TestLargeObjectsAreSyncedByTheMiB: who shares the disk waits for so much at most.
func TestLargeObjectsAreSyncedByTheMiB(t *testing.T) {
	var behind, most int64
	syncs := 0
	f := open(t, vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
		switch op.Kind {
		case vfs.OpWrite:
			behind += op.Size
			most = max(most, behind)
		case vfs.OpSync:
			behind = 0
			syncs++
		}
		return nil
	}))
	body := strings.Repeat("0123456789abcdef", 5<<20/16-3)
	if err := f.PutIfAbsent(t.Context(), "b", "k", object(body, meta)); err != nil {
		t.Fatal(err)
	}
	if most > 1<<20 || syncs < 5 {
		t.Errorf("%d bytes before a sync, %d syncs", most, syncs)
	}
	if get(t, f, "b", "k") != body {
		t.Error("another body comes back")
	}
}

func TestCanceledPutLeavesNothing(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.PutIfAbsent(ctx, "b", "k", object("body", meta)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if left, err := mem.ReadDir("/data/s3/b/_sluice/tmp"); err != nil || len(left) > 0 || mem.OpenFiles() > 0 {
		t.Error(left, err)
	}
}

func TestFolderRemovedUnderUs(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	ctx := context.Background()
	if err := f.PutIfAbsent(ctx, "b", "day/1", object("1", meta)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"day/1", "day", "_sluice/meta/day/1.json", "_sluice/meta/day"} {
		if err := mem.Remove(path.Join("/data/s3/b", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.PutIfAbsent(ctx, "b", "day/2", object("2", meta)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, f, "b", "day/2"); got != "2" {
		t.Errorf("%q", got)
	}
}

var errInjected = errors.New("injected")

// run opens the folder and puts two objects, and says which puts returned nil.
func run(fsys vfs.FS) (done []string, err error) {
	f, err := objput.OpenFolder(fsys, "/data/s3")
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"2026/01/a", "2026/02/b"} {
		err := f.PutIfAbsent(context.Background(), "lake", key, objput.Object{
			Body: bytes.NewReader(bodyOf(key)), Size: int64(len(bodyOf(key))), Meta: map[string]string{"for": key},
		})
		if err != nil && err != objput.ErrExists {
			return done, err
		}
		done = append(done, key)
	}
	return done, nil
}

func bodyOf(key string) []byte { return bytes.Repeat([]byte(key), 2000) }

// check says whether the store is as a crash may leave it: every key absent or
// whole with its metadata, those of done there.
func check(t *testing.T, fsys vfs.FS, done []string) {
	t.Helper()
	f, err := objput.OpenFolder(fsys, "/data/s3")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"2026/01/a", "2026/02/b"} {
		a, err := f.Head(context.Background(), "lake", key)
		if errors.Is(err, objput.ErrNotFound) {
			for _, d := range done {
				if d == key {
					t.Fatalf("%s was put and is gone", key)
				}
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if a.Meta["for"] != key || get(t, f, "lake", key) != string(bodyOf(key)) {
			t.Fatalf("%s is not whole: %+v", key, a)
		}
	}
	if done, err := run(fsys); err != nil || len(done) != 2 {
		t.Fatal("puts after the crash:", done, err)
	}
	if left, _ := fsys.ReadDir("/data/s3/lake/_sluice/tmp"); len(left) > 0 {
		t.Fatal("left over:", left)
	}
}

// TestCrashAtEveryOperation crashes before every n-th operation that changes
// something, several times each with other losses.
func TestCrashAtEveryOperation(t *testing.T) {
	for seed := range uint64(6) {
		n := int64(0)
		for crashed := true; crashed; n++ {
			mem := vfs.NewMem()
			var after *vfs.Mem
			at := int64(0)
			faulty := vfs.Fault(mem, func(op vfs.Op) error {
				if after != nil {
					return errInjected // the machine is off
				}
				if op.Kind.Changes() {
					if at == n {
						after = mem.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, uint64(n))), TornLastWrite: true})
						return errInjected
					}
					at++
				}
				return nil
			})
			done, err := run(faulty)
			if crashed = after != nil; !crashed {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			check(t, after, done)
		}
		if n < 30 {
			t.Fatalf("only %d operations seen", n)
		}
	}
}

// TestEveryOperationFails fails every n-th operation once, then tries again,
// and then crashes.
func TestEveryOperationFails(t *testing.T) {
	for n := int64(1); ; n++ {
		mem := vfs.NewMem()
		hit := false
		faulty := vfs.Fault(mem, func(op vfs.Op) error {
			if op.N == n {
				hit = true
				return errInjected
			}
			return nil
		})
		done, err := run(faulty)
		if !hit {
			break
		}
		if err != nil && !errors.Is(err, errInjected) {
			t.Fatalf("operation %d: %v", n, err)
		}
		check(t, mem.CrashClone(vfs.CrashOptions{}), done)
		done, err = run(faulty)
		if err != nil || len(done) != 2 {
			t.Fatalf("after operation %d failed: %v, %v", n, done, err)
		}
		check(t, mem.CrashClone(vfs.CrashOptions{}), done)
		if mem.OpenFiles() > 0 {
			t.Fatalf("operation %d: open files", n)
		}
	}
}
