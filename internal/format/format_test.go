package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"

	"sluice/internal/format"
)

// lines is n log lines of about 150 bytes that compress as logs do.
func lines(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	verbs, paths := []string{"GET", "PUT", "POST"}, []string{"/cart", "/pay", "/api/v1/orders", "/static/app.js"}
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "2026-02-%02dT%02d:%02d:%02d.%03dZ INFO request_id=%016x method=%s path=%s/%d status=%d elapsed=%dms user=%d\n",
			1+i/86400%28, i/3600%24, i/60%60, i%60, r.IntN(1000), r.Uint64(), verbs[r.IntN(3)], paths[r.IntN(4)], r.IntN(9999), 200+r.IntN(5)*100, r.IntN(900), r.IntN(100000))
	}
	return out
}

// write makes an object of runs of the given numbers of lines, over and over.
func write(t testing.TB, codec string, records [][]byte, runs ...int) format.Object {
	t.Helper()
	c, err := format.CodecNamed(codec)
	if err != nil {
		t.Fatal(err)
	}
	w := c.NewWriter()
	for i := 0; len(records) > 0; i++ {
		n := min(runs[i%len(runs)], len(records))
		run := bytes.Join(records[:n], nil)
		w.Append(run, n)
		clear(run) // the run is the caller's again
		records = records[n:]
	}
	o, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func body(t testing.TB, o format.Object) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := o.WriteTo(&b); err != nil || n != o.Size() {
		t.Fatalf("wrote %d of %d: %v", n, o.Size(), err)
	}
	return b.Bytes()
}

func gunzip(t testing.TB, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Multistream(false) // AWS lands one gzip stream
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestWriterKeepsEveryByte(t *testing.T) {
	records := lines(9000)
	want := bytes.Join(records, nil)
	f := func(codec string, decode func(testing.TB, []byte) []byte, runs ...int) {
		t.Helper()
		o := write(t, codec, records, runs...)
		defer o.Release()
		if got := decode(t, body(t, o)); !bytes.Equal(got, want) {
			t.Errorf("%s %v: %d bytes back of %d", codec, runs, len(got), len(want))
		}
		if o.Hash != xxhash.Sum64(want) || o.Count != 9000 || o.RecordBytes != int64(len(want)) {
			t.Errorf("%s %v: hash %x, count %d, bytes %d", codec, runs, o.Hash, o.Count, o.RecordBytes)
		}
	}
	same := func(_ testing.TB, b []byte) []byte { return b }
	f("UNCOMPRESSED", same, 1)
	f("UNCOMPRESSED", same, 9000)
	f("UNCOMPRESSED", same, 100, 1, 300, 700)
	f("GZIP", gunzip, 1)
	f("GZIP", gunzip, 9000)
	f("GZIP", gunzip, 1, 110, 430, 3)
}

func TestGzipDoesNotDependOnRuns(t *testing.T) {
	records := lines(4000)
	one, many := write(t, "GZIP", records, 4000), write(t, "GZIP", records, 1, 7, 600)
	again := write(t, "GZIP", records, 4000)
	if !bytes.Equal(body(t, one), body(t, many)) || !bytes.Equal(body(t, one), body(t, again)) {
		t.Error("one input, three bodies")
	}
}

func TestEmptyObject(t *testing.T) {
	o := write(t, "GZIP", nil)
	if got := gunzip(t, body(t, o)); len(got) != 0 || o.Count != 0 {
		t.Errorf("%q, count %d", got, o.Count)
	}
	if o := write(t, "UNCOMPRESSED", nil); o.Size() != 0 {
		t.Error("size", o.Size())
	}
}

func TestBodyReadAt(t *testing.T) {
	o := write(t, "UNCOMPRESSED", lines(5000), 37)
	want := body(t, o)
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		off, n := r.IntN(len(want)+10), r.IntN(600_000)
		p := make([]byte, n)
		got, err := o.ReadAt(p, int64(off))
		end := min(off+n, max(len(want), off))
		if !bytes.Equal(p[:got], want[min(off, len(want)):min(end, len(want))]) || (got < n) != (err == io.EOF) {
			t.Fatalf("read %d at %d: %d, %v", n, off, got, err)
		}
	}
	if all, err := io.ReadAll(io.NewSectionReader(o.Body, 0, o.Size())); err != nil || !bytes.Equal(all, want) {
		t.Fatal(len(all), err)
	}
}

func TestReleasedChunksAreReused(t *testing.T) {
	records := lines(5000)
	want := bytes.Join(records, nil)
	for range 5 {
		o := write(t, "GZIP", records, 50)
		if !bytes.Equal(gunzip(t, body(t, o)), want) {
			t.Fatal("a reused chunk or encoder kept old bytes")
		}
		o.Release()
		if o.Size() != 0 {
			t.Fatal("released body has bytes")
		}
	}
}

func TestDiscard(t *testing.T) {
	c, _ := format.CodecNamed("GZIP")
	w := c.NewWriter()
	w.Append([]byte("gone"), 1)
	w.Discard()
	w.Discard()
	o := write(t, "GZIP", [][]byte{[]byte("kept")}, 1)
	if got := gunzip(t, body(t, o)); string(got) != "kept" {
		t.Errorf("%q", got)
	}
}

func TestCodecNamed(t *testing.T) {
	f := func(name, extension, encoding, refused string) {
		t.Helper()
		c, err := format.CodecNamed(name)
		if refused != "" {
			if err == nil || err.Error() != refused {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
		if err != nil || c.Extension != extension || c.ContentEncoding != encoding {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	f("UNCOMPRESSED", "", "", "")
	f("GZIP", ".gz", "gzip", "")
	f("ZIP", "", "", "compression format ZIP is not supported yet by this version")
	f("Snappy", "", "", "compression format Snappy is not supported yet by this version")
	f("HADOOP_SNAPPY", "", "", "compression format HADOOP_SNAPPY is not supported yet by this version")
	f("ZSTD", "", "", "compression format ZSTD is not supported yet by this version")
	f("gzip", "", "", `compression format "gzip" is not known`)

	var unsupported *format.UnsupportedError
	if _, err := format.CodecNamed("ZIP"); !errors.As(err, &unsupported) || unsupported.Codec != "ZIP" {
		t.Error(err)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop under the race detector")
	}
	c, _ := format.CodecNamed("GZIP")
	w := c.NewWriter()
	defer w.Discard()
	line := lines(1)[0]
	if n := testing.AllocsPerRun(100, func() { w.Append(line, 1) }); n > 0 {
		t.Errorf("%v allocs a run", n)
	}
}

// BenchmarkWriter compares an object's writer to the bare codec: bytes a second
// of records, in long runs and line by line.
func BenchmarkWriter(b *testing.B) {
	records := lines(100_000)
	whole := bytes.Join(records, nil)
	b.Run("bare", func(b *testing.B) {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		b.SetBytes(int64(len(whole)))
		for b.Loop() {
			z.Reset(io.Discard)
			for rest := whole; len(rest) > 0; rest = rest[min(64<<10, len(rest)):] {
				z.Write(rest[:min(64<<10, len(rest))])
			}
			z.Close()
		}
	})
	c, _ := format.CodecNamed("GZIP")
	b.Run("runs", func(b *testing.B) {
		b.SetBytes(int64(len(whole)))
		b.ReportAllocs()
		for b.Loop() {
			w := c.NewWriter()
			for rest := whole; len(rest) > 0; rest = rest[min(1<<20, len(rest)):] {
				w.Append(rest[:min(1<<20, len(rest))], 1)
			}
			o, _ := w.Close()
			o.Release()
		}
	})
	b.Run("lines", func(b *testing.B) {
		b.SetBytes(int64(len(whole)))
		b.ReportAllocs()
		for b.Loop() {
			w := c.NewWriter()
			for _, r := range records {
				w.Append(r, 1)
			}
			o, _ := w.Close()
			o.Release()
		}
	})
}
