package check_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/cmd/sluice/internal/check"
	"sluice/internal/catalog"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func batch(t testing.TB, n int) event.Batch {
	t.Helper()
	b := event.GetBuilder(1 << 12)
	defer b.Release()
	for i := range 5 {
		must(t, b.Append(1_767_600_000_000+int64(n), []byte(fmt.Sprintf("batch %d, event %d: %s", n, i, strings.Repeat("x", n)))))
	}
	sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 2}, event.Source{LogGroup: "g", LogStream: "s"})
	must(t, err)
	sealed, err = event.Open(bytes.Clone(sealed.Record()))
	must(t, err)
	return sealed
}

// matches is a frame's payload that refers to a whole batch and to a part of it.
func matches(t testing.TB, source uint64, b event.Batch) []byte {
	t.Helper()
	payload := event.AppendMatches(nil, source+1, 0, nil)
	payload, err := event.AppendMatch(payload, event.Match{Key: 7, Filter: 8, Source: source, Name: []byte("f")}, b, nil, 1<<20)
	must(t, err)
	payload, err = event.AppendMatch(payload, event.Match{Key: 7, Filter: 9, Source: source, Name: []byte("g")}, b, event.Selection{1}, 1<<20)
	must(t, err)
	return payload
}

const (
	inFiles = 20 // batches that left the log
	inLog   = 40
)

// folder makes a data folder: a catalog, positions 1 to 20 in a compacted file,
// the rest in the log, and matches in both.
func folder(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	c, err := catalog.OpenFile(filepath.Join(root, "catalog.db"))
	must(t, err)
	_, err = c.CreateLogGroup(catalog.LogGroup{Name: "g"})
	must(t, err)
	must(t, c.Close())

	must(t, os.MkdirAll(filepath.Join(root, "wal"), 0o755))
	l, err := wal.Open(vfs.OS, wal.Config{Dir: filepath.Join(root, "wal", "0"), SegmentBytes: 8 << 10, BlockBytes: 4 << 10, MaxFrameBytes: 4 << 10, TailBytes: 8 << 10})
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(root, "store", "0"), 0o755))
	w, err := compact.Create(vfs.OS, filepath.Join(root, "store", "0", "1-20.slc"), 0, compact.Options{BlockBytes: 1 << 10, NGrams: true})
	must(t, err)
	var last event.Batch
	source := uint64(0)
	for n := uint64(1); n <= inFiles+inLog; n++ {
		payload, kind := []byte(nil), wal.TypeMatches
		if n%10 == 0 {
			payload = matches(t, source, last)
		} else {
			last, source = batch(t, int(n)), n
			payload, kind = last.Record(), wal.TypeBatch
		}
		if n <= inFiles && kind == wal.TypeBatch {
			must(t, w.Batch(n, last))
		}
		_, err := l.Append(context.Background(), kind, 1, payload)
		must(t, err)
	}
	must(t, w.Frame(wal.Frame{Type: wal.TypeMatches, Seq: inFiles, Payload: matches(t, inFiles-1, batch(t, inFiles-1))}))
	_, err = w.Finish(1, inFiles)
	must(t, err)
	must(t, l.Close())
	return root
}

func run(t testing.TB, root string) check.Report {
	t.Helper()
	c := check.New(vfs.OS, root)
	total := c.Total()
	r, err := c.Run()
	must(t, err)
	if c.Read() == 0 || total == 0 {
		t.Errorf("%d bytes read of %d", c.Read(), total)
	}
	if r.Sound != (len(r.Damage) == 0) {
		t.Errorf("sound %t with damage %v", r.Sound, r.Damage)
	}
	return r
}

// contents are all files of a folder by their names.
func contents(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			b, readErr := os.ReadFile(name)
			all[name], err = string(b), readErr
		}
		return err
	}))
	return all
}

func TestSoundFolder(t *testing.T) {
	root := folder(t)
	before := contents(t, root)
	r := run(t, root)
	if !r.Sound || r.Gone != 0 {
		t.Fatalf("report %+v", r)
	}
	want := map[string]check.Part{
		"catalog":      {Files: 1, Definitions: 2},
		"wal/0":        {Frames: 60, Batches: 54, Events: 270},
		"store/0":      {Files: 1, Frames: 1, Batches: 18, Events: 90},
		"references/0": {References: 7},
	}
	for _, p := range r.Parts {
		w := want[p.Part]
		delete(want, p.Part)
		if p.Frames != w.Frames || p.Batches != w.Batches || p.Events != w.Events || p.References != w.References ||
			w.Files > 0 && p.Files != w.Files || p.Part == "catalog" && p.Definitions == 0 {
			t.Errorf("part %+v, want %+v", p, w)
		}
	}
	if len(want) > 0 {
		t.Errorf("parts %v are missing", want)
	}
	after := contents(t, root)
	for name, b := range before {
		if after[name] != b {
			t.Errorf("the check changed %s", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files became %d", len(before), len(after))
	}
}

// files lists what a pattern below root names, at least one.
func files(t testing.TB, root, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pattern))
	must(t, err)
	if len(names) == 0 {
		t.Fatalf("no file %s", pattern)
	}
	return names
}

// change rewrites a file.
func change(t testing.TB, name string, edit func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, edit(b), 0o600))
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x40
		return b
	}
}

func TestDamageIsNamed(t *testing.T) {
	f := func(what, pattern, part, reason string, lost bool, edit func([]byte) []byte) {
		t.Run(what, func(t *testing.T) {
			root := folder(t)
			name := files(t, root, pattern)[0]
			change(t, name, edit)
			r := run(t, root)
			for _, d := range r.Damage {
				if d.Part == part && filepath.Join(root, d.File) == name && strings.Contains(d.What, reason) && (d.Lost > 0) == lost {
					return
				}
			}
			t.Errorf("damage %+v, want %s of %s", r.Damage, reason, part)
		})
	}
	f("frame", "wal/0/*.wal", "wal/0", "frames", true, flip(5000))
	f("segment header", "wal/0/*.wal", "wal/0", "header", false, flip(10))
	f("segment footer", "wal/0/*.wal", "wal/0", "footer", false, flip(-60))
	f("cut segment", "wal/0/*.wal", "wal/0", "frames", true, func(b []byte) []byte { return b[:len(b)/2] })
	f("block", "store/0/*.slc", "store/0", "places", true, flip(4096+192+2))
	f("file footer", "store/0/*.slc", "store/0", "footer", false, flip(-100))
	f("cut file", "store/0/*.slc", "store/0", "nothing of it can be read", false, func(b []byte) []byte { return b[:5000] })
	f("empty file", "store/0/*.slc", "store/0", "nothing of it can be read", false, func([]byte) []byte { return nil })
	f("cut catalog", "catalog.db", "catalog", "cut short", false, func(b []byte) []byte { return b[:8192] })
	f("no catalog", "catalog.db", "catalog", "", false, func([]byte) []byte { return []byte("this is none\n") })
}

func TestMissingFiles(t *testing.T) {
	f := func(pattern string, which int, part, reason string) {
		t.Helper()
		root := folder(t)
		must(t, os.Remove(files(t, root, pattern)[which]))
		r := run(t, root)
		if len(r.Damage) == 0 || r.Damage[0].Part != part || !strings.Contains(r.Damage[0].What, reason) {
			t.Errorf("without %s: %+v, want %s of %s", pattern, r.Damage, reason, part)
		}
	}
	f("catalog.db", 0, "catalog", "missing")
	f("wal/0/*.wal", 1, "wal/0", "missing segment")
}

// TestReferences: matches whose batch the log lost are damage, those whose batch
// left the log and was removed since are not.
func TestReferences(t *testing.T) {
	root := folder(t)
	segments := files(t, root, "wal/0/*.wal")
	for range 3 { // some batches are only in the compacted file then, some nowhere
		must(t, os.Remove(segments[0]))
		segments = segments[1:]
		if r := run(t, root); !r.Sound {
			t.Fatalf("a log that was trimmed is damaged: %+v", r.Damage)
		}
		if len(segments) < 2 {
			break
		}
	}
	must(t, os.Remove(files(t, root, "store/0/*.slc")[0]))
	if r := run(t, root); !r.Sound {
		t.Errorf("a compacted file that was dropped is damage: %+v", r.Damage)
	}
}

func TestMatchesOfALostBatch(t *testing.T) {
	root := folder(t)
	for _, name := range files(t, root, "wal/0/*.wal") {
		at := bytes.Index(must2(os.ReadFile(name)), []byte("batch 49, event 3"))
		if at < 0 {
			continue
		}
		change(t, name, flip(at))
		for _, d := range run(t, root).Damage {
			if d.Part == "references/0" && d.First == 49 && strings.Contains(d.What, "matches 50 name batch 49") {
				return
			}
		}
	}
	t.Error("the reference to the lost batch 49 was not found")
}

func must2(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestEmptyFolder(t *testing.T) {
	r, err := check.New(vfs.OS, t.TempDir()).Run()
	must(t, err)
	if !r.Sound || len(r.Parts) != 1 {
		t.Errorf("report %+v", r)
	}
}
