package format

import (
	"archive/zip"
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

// Entries beyond what 32 bits can say have their sizes in the fields of ZIP64, from
// the byte on that is too much.
func TestLargeZip(t *testing.T) {
	f := func(limit, size int64, random, large bool) {
		t.Helper()
		text := make([]byte, size)
		if random { // so that it is larger packed
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range text {
				text[i] = byte(rng.Uint32())
			}
		}
		z := newZip().(*zipper)
		z.limit = limit
		body := new(Body)
		z.Reset(body)
		if _, err := z.Write(text); err != nil {
			t.Fatal(err)
		}
		z.identify(&Object{Body: body, RecordBytes: size})
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		defer body.Release()
		archive, err := zip.NewReader(body, body.Size())
		if err != nil || len(archive.File) != 1 {
			t.Fatalf("%d of %d bytes: %v", size, limit, err)
		}
		entry := archive.File[0]
		r, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text) || entry.UncompressedSize64 != uint64(size) {
			t.Errorf("%d of %d bytes: %d come back, the directory says %d: %v", size, limit, len(got), entry.UncompressedSize64, err)
		}
		head := make([]byte, zipHead)
		if _, err := body.ReadAt(head, 0); err != nil {
			t.Fatal(err)
		}
		if (le.Uint32(head[22:]) == zipLarge) != large || (entry.ReaderVersion == zip64) != large {
			t.Errorf("%d of %d bytes: size %d in front, version %d", size, limit, le.Uint32(head[22:]), entry.ReaderVersion)
		}
	}
	f(1000, 999, false, false)
	f(1000, 1000, false, true)
	f(1000, 1_000_000, false, true)
	f(100_000, 99_999, true, true) // it grows
	f(1000, 0, false, false)
	f(0, 0, false, true)
}
