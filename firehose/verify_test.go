package firehose_test

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/verify"
	"sluice/internal/vfs"
)

// verified is what a verifier says of the bucket on a disk.
func verified(t testing.TB, disk vfs.FS) verify.Report {
	t.Helper()
	r, err := verify.Run(context.Background(), verify.Config{Store: objput.ViewFolder(disk, "/s3"), Bucket: "lake", Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// damage overwrites a byte in the middle of a file.
func damage(t testing.TB, disk vfs.FS, name string) {
	t.Helper()
	b, err := vfs.ReadFile(disk, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	f, err := disk.OpenFile(name, os.O_RDWR|os.O_TRUNC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestVerify delivers a few cuts in each format, verifies them, and then has
// every object and every manifest removed and damaged in turn.
func TestVerify(t *testing.T) {
	f := func(name, members string) {
		w := newWorld(t, config{})
		route := w.create(members)
		for i := range 3 {
			d := event.Delivery{Batch: seal(t, fmt.Sprintf(`{"k":"a","n":%d}`, i), `{"k":"b"}`)}
			if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), d); err != nil {
				t.Fatal(err)
			}
			w.put(route, fmt.Sprintf(`{"k":"c","i":%d}`, i))
			w.advance(time.Minute)
		}
		w.stop()
		r := verified(t, w.disk)
		if !r.Complete || len(r.Chains) != 1 || r.Chains[0].Records != 9 || r.Chains[0].Cuts != 3 || r.Foreign+r.InFlight != 0 {
			t.Errorf("%s: %+v", name, r)
			return
		}
		tampered := 0
		for _, file := range files(w.disk, "/s3/lake") {
			key := strings.TrimPrefix(file, "/s3/lake/")
			last := path.Base(file) == fmt.Sprintf("%020d.json", 3)
			if strings.HasPrefix(key, "_sluice/meta/_sluice") {
				continue
			}
			tampered++
			gone := w.disk.CrashClone(vfs.CrashOptions{})
			if err := gone.Remove(file); err != nil {
				t.Fatal(err)
			}
			// Nobody can tell the newest manifest's absence from a cut under way.
			if r := verified(t, gone); r.Complete && !last {
				t.Errorf("%s: %s is missing, and nobody noticed: %+v", name, key, r)
			} else if last && r.InFlight == 0 {
				t.Errorf("%s: without the newest manifest %+v", name, r)
			}
			other := w.disk.CrashClone(vfs.CrashOptions{})
			damage(t, other, file)
			if r, err := verify.Run(context.Background(), verify.Config{Store: objput.ViewFolder(other, "/s3"), Bucket: "lake", Deep: true}); err == nil && r.Complete && !last {
				t.Errorf("%s: %s is damaged, and nobody noticed", name, key)
			}
		}
		if tampered < 6 {
			t.Errorf("%s: only %d files tampered with", name, tampered)
		}
	}
	for _, codec := range []string{"UNCOMPRESSED", "GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY", "ZSTD"} {
		f(codec, extract+`,"CompressionFormat":"`+codec+`",`+hints(1, 60))
	}
	f("members", hints(1, 60))
	f("ndjson", `"SluiceConfiguration":{"Format":"ndjson"},"CompressionFormat":"GZIP",`+hints(1, 60))
	f("parquet", `"SluiceConfiguration":{"Format":"parquet"},`+hints(1, 60))
	f("partitions", messagesByKey+","+hints(64, 60))
}

func TestVerifyTellsStraysApart(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(extract + "," + hints(1, 60))
	w.put(route, "one")
	w.advance(time.Minute)
	w.stop()
	folder, err := objput.OpenFolder(w.disk, "/s3")
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, meta map[string]string) {
		t.Helper()
		if err := folder.PutIfAbsent(t.Context(), "lake", key, objput.Object{Body: strings.NewReader("x"), Size: 1, Meta: meta}); err != nil {
			t.Fatal(err)
		}
	}
	arn := verified(t, w.disk).Chains[0].Stream
	of := func(end string) map[string]string {
		return map[string]string{"sluice-stream": arn, "sluice-shard": "0", "sluice-start": "0", "sluice-end": end}
	}
	put("somebody else's", nil)
	put("of another chain", map[string]string{"sluice-stream": "arn:other", "sluice-shard": "0", "sluice-end": "1"})
	put("under way", of("99999"))
	put("stray", of("1"))
	r := verified(t, w.disk)
	if r.Foreign != 2 || r.InFlight != 1 || len(r.Findings) != 1 || r.Findings[0].Kind != verify.UnknownObject || r.Findings[0].Key != "stray" {
		t.Errorf("%+v", r)
	}
}
