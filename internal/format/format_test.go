package format_test

import (
	"bytes"
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
	for codec, decode := range decoders {
		f(codec, decode, 1)
		f(codec, decode, 9000)
		f(codec, decode, 100, 1, 300, 700)
	}
}

func TestBytesDoNotDependOnRuns(t *testing.T) {
	records := lines(9000)
	f := func(codec string) {
		t.Helper()
		want := body(t, write(t, codec, records, 9000))
		for _, runs := range [][]int{{9000}, {1, 7, 600}, {1}, {219, 2}} {
			if !bytes.Equal(body(t, write(t, codec, records, runs...)), want) {
				t.Errorf("%s: one input, two bodies with runs of %v", codec, runs)
			}
		}
	}
	for codec := range decoders {
		f(codec)
	}
}

func TestEmptyObject(t *testing.T) {
	for codec, decode := range decoders {
		o := write(t, codec, nil)
		if got := decode(t, body(t, o)); len(got) != 0 || o.Count != 0 {
			t.Errorf("%s: %q, count %d", codec, got, o.Count)
		}
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
	for codec, decode := range decoders {
		for range 5 {
			o := write(t, codec, records, 50)
			if !bytes.Equal(decode(t, body(t, o)), want) {
				t.Fatalf("%s: a reused chunk or encoder kept old bytes", codec)
			}
			o.Release()
			if o.Size() != 0 {
				t.Fatal("released body has bytes")
			}
		}
	}
}

func TestDiscard(t *testing.T) {
	for codec, decode := range decoders {
		c, _ := format.CodecNamed(codec)
		w := c.NewWriter()
		w.Append(bytes.Repeat([]byte("gone"), 50_000), 1)
		w.Discard()
		w.Discard()
		o := write(t, codec, [][]byte{[]byte("kept")}, 1)
		if got := decode(t, body(t, o)); string(got) != "kept" {
			t.Errorf("%s: %q", codec, got)
		}
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
	f("ZIP", ".zip", "zip", "")
	f("Snappy", ".snappy", "snappy-java", "")
	f("HADOOP_SNAPPY", ".snappy", "hadoop-snappy", "")
	f("ZSTD", ".zst", "zstd", "")
	f("gzip", "", "", `compression format "gzip" is not known`)
	f("SNAPPY", "", "", `compression format "SNAPPY" is not known`)
}

func TestAppendDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop under the race detector")
	}
	line := lines(1)[0]
	run := bytes.Join(lines(300), nil)
	f := func(codec string, run []byte) {
		t.Helper()
		c, err := format.CodecNamed(codec)
		if err != nil {
			t.Fatal(err)
		}
		w := c.NewWriter()
		defer w.Discard()
		w.Append(run, 1)
		if n := testing.AllocsPerRun(1000, func() { w.Append(run, 1) }); n > 0 {
			t.Errorf("%s: %v allocs a run of %d bytes", codec, n, len(run))
		}
	}
	for codec := range decoders {
		f(codec, line)
		f(codec, run)
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
