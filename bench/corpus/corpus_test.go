package corpus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/bench/corpus"
)

func eachKind(t *testing.T, f func(t *testing.T, kind corpus.Kind)) {
	for _, kind := range corpus.Kinds() {
		t.Run(kind.String(), func(t *testing.T) { f(t, kind) })
	}
}

// golden is the sha256 of the first MiB that seed 1 gives. Whoever changes one
// makes every figure measured before incomparable: add a kind instead.
var golden = map[corpus.Kind]string{
	corpus.App:        "fb00e9ae779945bd2151abce46cd07be627b5c733ede008468508222a4442e33",
	corpus.CloudTrail: "bd7c4c514ec49f689812cc12e8e6df0b11520c2790fd293142dc77f322a48698",
	corpus.JSON:       "bc6f013aeebf6d5bbd997989bc0790619d1757c05f92ac3a67585d7d529b4e0b",
	corpus.VPC:        "d13c8e265441db3db2e1507853d6e01ce6fd9d96160328804913a9d2a133919c",
	corpus.Access:     "6deac84f8192aa324e688305b2ffb72956846c5ef7c61e84980f57813c1ac9d9",
	corpus.Trace:      "3c135f30b538ee24efd9be4452b7b44683e56fe226048f6363be624ce47c78d2",
}

func TestFirstMiBStaysTheSame(t *testing.T) {
	eachKind(t, func(t *testing.T, kind corpus.Kind) {
		all, err := io.ReadAll(corpus.Lines(corpus.New(kind, 1, corpus.Epoch), 2<<20))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(all[:1<<20])
		if got := hex.EncodeToString(sum[:]); got != golden[kind] {
			t.Errorf("%s, want %s; it begins\n%.600s", got, golden[kind], all)
		}
	})
}

func TestSeedAndStartDecide(t *testing.T) {
	eachKind(t, func(t *testing.T, kind corpus.Kind) {
		make := func(seed uint64, start time.Time) string {
			var dst []byte
			for g := corpus.New(kind, seed, start); g.Seq() < 100; {
				dst, _ = g.AppendEvent(dst)
			}
			return string(dst)
		}
		one := make(7, corpus.Epoch)
		if again := make(7, corpus.Epoch); again != one {
			t.Error("the same seed gave other events")
		}
		if make(8, corpus.Epoch) == one || make(7, corpus.Epoch.Add(time.Hour)) == one {
			t.Error("another seed or start gave the same events")
		}
	})
}

func TestEventsCanBeCounted(t *testing.T) {
	eachKind(t, func(t *testing.T, kind corpus.Kind) {
		g := corpus.New(kind, 3, corpus.Epoch)
		g.Skip(1000)
		last := corpus.Epoch.UnixMilli()
		for want := uint64(1001); want < 6000; want++ {
			e, at := g.AppendEvent(nil)
			if seq, ok := corpus.Seq(kind, e); !ok || seq != want || g.Seq() != want {
				t.Fatalf("sequence number %d, %v of event %d: %s", seq, ok, want, e)
			}
			if at < last || at > last+2 {
				t.Fatalf("event %d at %d after %d", want, at, last)
			}
			last = at
			if lines := bytes.Count(e, []byte("\n")); (lines > 0) != (kind == corpus.Trace) {
				t.Fatalf("%d line feeds in %s", lines, e)
			}
		}
	})
	if _, ok := corpus.Seq(corpus.VPC, []byte("2 1 eni-0123")); ok {
		t.Error("a cut flow log has a number")
	}
	if _, ok := corpus.Seq(corpus.App, []byte("{}")); ok {
		t.Error("an empty object has a number")
	}
}

func TestKindsHaveNames(t *testing.T) {
	eachKind(t, func(t *testing.T, kind corpus.Kind) {
		if got, ok := corpus.ParseKind(kind.String()); !ok || got != kind {
			t.Error(got, ok)
		}
	})
	if _, ok := corpus.ParseKind("none"); ok {
		t.Error("a kind of no name")
	}
}

func TestErrorsAreThoseOfTheServer(t *testing.T) {
	f := func(kind corpus.Kind) {
		t.Helper()
		const total = 50_000
		failed, g := 0, corpus.New(kind, 5, corpus.Epoch)
		var e []byte
		for range total {
			e, _ = g.AppendEvent(e[:0])
			var event struct {
				EventTime, Timestamp time.Time
				Level                string
				Status               int
			}
			if err := json.Unmarshal(e, &event); err != nil {
				t.Fatalf("%v: %s", err, e)
			}
			if event.EventTime.IsZero() == event.Timestamp.IsZero() {
				t.Fatalf("no time or two: %s", e)
			}
			if (event.Level == "ERROR") != (event.Status >= 500) || bytes.Contains(e, []byte("ERROR")) != (event.Status >= 500) {
				t.Fatalf("level and status disagree: %s", e)
			}
			if event.Level == "ERROR" {
				failed++
			}
		}
		if share := float64(failed) / total; share < 0.024 || share > 0.028 {
			t.Errorf("%v: %.4f of the events are errors", kind, share)
		}
	}
	f(corpus.App)
	f(corpus.JSON)
}

func TestLines(t *testing.T) {
	read := func(r io.Reader) []byte {
		t.Helper()
		all, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	lines := func(size int64) io.Reader { return corpus.Lines(corpus.New(corpus.VPC, 1, corpus.Epoch), size) }
	all := read(lines(300_000))
	if len(all) > 300_000 || len(all) < 299_800 || all[len(all)-1] != '\n' {
		t.Errorf("%d bytes that end in %q", len(all), all[len(all)-1])
	}
	if !bytes.Equal(all, read(iotest.OneByteReader(lines(300_000)))) {
		t.Error("small reads give something else")
	}
	if got := read(lines(3)); len(got) != 0 {
		t.Errorf("%q in 3 bytes", got)
	}
}

// TestCompressesLikeItsModel compares the ratios with those of sample files.
func TestCompressesLikeItsModel(t *testing.T) {
	f := func(kind corpus.Kind, file string, keep func(line string) bool) {
		t.Helper()
		sample := readSample(t, file, keep)
		made, err := io.ReadAll(corpus.Lines(corpus.New(kind, 1, corpus.Epoch), int64(len(sample))))
		if err != nil {
			t.Fatal(err)
		}
		for name, compressed := range map[string]func([]byte) int{"gzip": gzipped, "zstd": zstded} {
			want := float64(len(sample)) / float64(compressed(sample))
			got := float64(len(made)) / float64(compressed(made))
			t.Logf("%v, %s: ratio %.2f, sample %.2f", kind, name, got, want)
			if got < 0.8*want || got > 1.2*want {
				t.Errorf("%v, %s: ratio %.2f, that of the sample is %.2f", kind, name, got, want)
			}
		}
		mean := func(text []byte) float64 { return float64(len(text)) / float64(bytes.Count(text, []byte("\n"))) }
		if got, want := mean(made), mean(sample); got < 0.95*want || got > 1.05*want {
			t.Errorf("%v: %.0f bytes an event, the sample has %.0f", kind, got, want)
		}
	}
	all := func(string) bool { return true }
	record := func(line string) bool { return strings.Contains(line, `"eventVersion"`) }
	f(corpus.JSON, "app.ndjson", all)
	f(corpus.App, "app.ndjson", func(line string) bool { return !record(line) })
	f(corpus.CloudTrail, "app.ndjson", record)
	f(corpus.VPC, "vpc-flow.log", all)
	f(corpus.Access, "access.log", all)
}

func gzipped(text []byte) int {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	w.Write(text)
	w.Close()
	return out.Len()
}

func zstded(text []byte) int {
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	return len(e.EncodeAll(text, nil))
}

// readSample returns the lines of a sample that keep wants. Samples lie beside
// the project or where SLUICE_SHARED points to.
func readSample(t *testing.T, name string, keep func(string) bool) []byte {
	t.Helper()
	shared := os.Getenv("SLUICE_SHARED")
	if shared == "" {
		dir, _ := os.Getwd()
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		shared = filepath.Join(filepath.Dir(dir), "shared")
	}
	path := filepath.Join(shared, "samples", name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no sample at %s", path)
	}
	var kept []byte
	for line := range strings.Lines(string(text)) {
		if keep(line) {
			kept = append(kept, line...)
		}
	}
	return kept
}

func TestNoAllocationPerEvent(t *testing.T) {
	eachKind(t, func(t *testing.T, kind corpus.Kind) {
		g, e := corpus.New(kind, 1, corpus.Epoch), make([]byte, 0, 64<<10)
		if n := testing.AllocsPerRun(5000, func() { e, _ = g.AppendEvent(e[:0]) }); n != 0 {
			t.Error("allocations:", n)
		}
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	for _, kind := range corpus.Kinds() {
		b.Run(kind.String(), func(b *testing.B) {
			g, e, total := corpus.New(kind, 1, corpus.Epoch), make([]byte, 0, 64<<10), int64(0)
			b.ReportAllocs()
			for b.Loop() {
				e, _ = g.AppendEvent(e[:0])
				total += int64(len(e))
			}
			b.SetBytes(total / int64(b.N))
		})
	}
}
