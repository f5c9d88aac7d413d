package verify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"sluice/internal/format"
	"sluice/internal/objput"
	"sluice/internal/verify"
)

// TestExports has the objects of a task as an export leaves them, and as somebody
// may have changed them.
func TestExports(t *testing.T) {
	const text = "2026-02-01T10:00:00.123Z a\n"
	hash := fmt.Sprintf("%016x", xxhash.Sum64String(text))
	meta := func(task string) map[string]string {
		return map[string]string{"sluice-export": task, "sluice-count": "1", "sluice-xxh64": hash}
	}
	entry := func(key string) map[string]any {
		return map[string]any{"key": key, "size": len(text), "records": 1, "bytes": len(text), "xxh64": hash}
	}
	manifest := func(task string, records int, objects ...map[string]any) string {
		body, err := json.Marshal(map[string]any{"version": 1, "taskId": task, "logGroup": "/g", "records": records, "bytes": records * len(text), "objects": objects})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	f := func(name string, fill func(*objput.Folder), inFlight int64, want ...string) {
		t.Helper()
		store := folder(t)
		put(t, store, "logs/t/s/000000.txt", text, meta("t"))
		put(t, store, "logs/aws-logs-write-test", "Permission Check Successful", nil)
		fill(store)
		for _, deep := range []bool{false, true} {
			r, err := verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake", Deep: deep})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Kind+" "+f.Key)
			}
			if d := cmp.Diff(want, got); d != "" || r.InFlight != inFlight || r.Foreign != 0 {
				t.Errorf("%s, deep %v: %d in flight, findings (-want +got):\n%s", name, deep, r.InFlight, d)
			}
		}
	}
	document := func(s *objput.Folder, task, body string) { put(t, s, "_sluice/export/"+task+".json", body, nil) }
	first := entry("logs/t/s/000000.txt")

	f("complete", func(s *objput.Folder) { document(s, "t", manifest("t", 1, first)) }, 0)
	none := func() (r verify.Report) {
		store := folder(t)
		put(t, store, "by/others", text, nil)
		r, err := verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}()
	if none.Complete || none.Foreign != 1 || len(none.Findings) != 1 || none.Findings[0].Kind != verify.NoManifest {
		t.Errorf("a bucket without manifests: %+v", none)
	}
	if _, err := verify.Run(t.Context(), verify.Config{Store: folder(t), Bucket: "sea"}); !errors.Is(err, verify.ErrNoBucket) {
		t.Error("no bucket:", err)
	}
	f("under way", func(*objput.Folder) {}, 1)
	f("missing", func(s *objput.Folder) {
		document(s, "t", manifest("t", 2, first, entry("logs/t/s/000001.txt")))
	}, 0, "missing object logs/t/s/000001.txt")
	f("one more", func(s *objput.Folder) {
		put(t, s, "logs/t/s/000001.txt", text, meta("t"))
		document(s, "t", manifest("t", 1, first))
	}, 0, "unknown object logs/t/s/000001.txt")
	f("of another task", func(s *objput.Folder) {
		put(t, s, "logs/t/s/000001.txt", text, meta("u"))
		document(s, "t", manifest("t", 2, first, entry("logs/t/s/000001.txt")))
	}, 0, "other object logs/t/s/000001.txt")
	f("shorter", func(s *objput.Folder) {
		put(t, s, "logs/t/s/000001.txt", text[1:], meta("t"))
		document(s, "t", manifest("t", 2, first, entry("logs/t/s/000001.txt")))
	}, 0, "other object logs/t/s/000001.txt")
	f("sum", func(s *objput.Folder) { document(s, "t", manifest("t", 2, first)) }, 0, "bad manifest _sluice/export/t.json")
	f("name", func(s *objput.Folder) { document(s, "u", manifest("t", 1, first)) }, 1, "bad manifest _sluice/export/u.json")
	f("no JSON", func(s *objput.Folder) { document(s, "t", "{") }, 1, "bad manifest _sluice/export/t.json")
}

// TestParquetExports reads files as tasks leave them, and as they once left them.
func TestParquetExports(t *testing.T) {
	f := func(contentType string) {
		t.Helper()
		store := folder(t)
		p, err := format.NewParquet(format.ParquetConfig{})
		if err != nil {
			t.Fatal(err)
		}
		w := p.NewWriter()
		w.AppendRecord(1, []byte("some text"))
		o, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer o.Release()
		const key = "logs/t/s/000000.parquet"
		hash := fmt.Sprintf("%016x", o.Hash)
		if err := store.PutIfAbsent(t.Context(), "lake", key, objput.Object{
			Body: o.Body, Size: o.Size(), ContentType: contentType,
			Meta: map[string]string{"sluice-export": "t", "sluice-count": "1", "sluice-xxh64": hash},
		}); err != nil {
			t.Fatal(err)
		}
		put(t, store, "_sluice/export/t.json", fmt.Sprintf(`{"version":1,"taskId":"t","records":1,"bytes":%d,"objects":[{"key":%q,"size":%d,"records":1,"bytes":%d,"xxh64":%q}]}`,
			o.RecordBytes, key, o.Size(), o.RecordBytes, hash), nil)
		r, err := verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake", Deep: true})
		if err != nil || !r.Complete {
			t.Errorf("%s: %v %v", contentType, r.Findings, err)
		}
	}
	f("application/vnd.apache.parquet")
	f("application/octet-stream")
}

// TestExportsDeep reads what the objects hold.
func TestExportsDeep(t *testing.T) {
	store := folder(t)
	const text = "b\n"
	put(t, store, "logs/t/s/000000.txt", text, map[string]string{"sluice-export": "t", "sluice-count": "1", "sluice-xxh64": "00"})
	put(t, store, "_sluice/export/t.json", `{"version":1,"taskId":"t","records":1,"bytes":2,"objects":[{"key":"logs/t/s/000000.txt","size":2,"records":1,"bytes":2,"xxh64":"00"}]}`, nil)
	r, err := verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake", Deep: true})
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != verify.DamagedObject || len(r.Exports) != 1 || r.Exports[0].Records != 1 {
		t.Errorf("%+v %v", r, err)
	}
}
