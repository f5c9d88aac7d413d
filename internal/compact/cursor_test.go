package compact_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/bench/corpus"
	"sluice/internal/compact"
)

// TestCursorFindsWhatIsThere reads two files that overlap in any order, and
// compares with looking into every batch: whatever is skipped lacks a needle,
// whatever is found is the batch that was written.
func TestCursorFindsWhatIsThere(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 60 {
		var files []*compact.File
		var all [][]numbered
		for range 2 {
			batches := mixed(t, r, 1+r.IntN(60))
			disk := newDisk(t)
			write(t, disk, compact.Options{BlockBytes: 1 << (8 + r.IntN(8)), NGrams: true}, batches, nil)
			files, all = append(files, open(t, disk, int64(r.IntN(1<<18)))), append(all, batches)
		}
		needles := someNeedles(r, all)
		c := compact.NewCursor(needles...)
		for n := range 300 {
			i := r.IntN(2)
			want := all[i][(n+r.IntN(3))%len(all[i])]
			b, ok, err := c.Batch(files[i], want.number)
			must(t, err)
			has := !slices.ContainsFunc(needles, func(n []byte) bool { return !bytes.Contains(want.Text(), n) })
			if ok != has || ok && !bytes.Equal(b.Record(), want.Record()) {
				t.Fatalf("batch %d of %q: found %t, want %t, or another batch", want.number, needles, ok, has)
			}
		}
		if _, ok, err := c.Batch(files[0], 1); ok || !errors.Is(err, compact.ErrNotHere) {
			t.Fatalf("a batch that is not there: %t, %v", ok, err)
		}
	}
}

// someNeedles are parts of messages, and now and then what is nowhere.
func someNeedles(r *rand.Rand, all [][]numbered) (needles [][]byte) {
	for range r.IntN(3) {
		from := all[r.IntN(len(all))]
		text := from[r.IntN(len(from))].Text()
		at := r.IntN(len(text))
		needles = append(needles, text[at:min(len(text), at+1+r.IntN(12))])
	}
	if r.IntN(8) == 0 {
		needles = append(needles, []byte("XYZZYPLUGH"))
	}
	return needles
}

// TestCursorGoesAroundDamage: a damaged block costs its batches, and no others.
func TestCursorGoesAroundDamage(t *testing.T) {
	batches := numberedFrom(1, corpusBatches(t, corpus.App, 1, 1<<20, 32<<10))
	disk := newDisk(t)
	write(t, disk, compact.Options{BlockBytes: 128 << 10}, batches, nil)
	flip(t, disk, 4096+192+1000, 1) // in the first block's columns
	f := open(t, disk, 1<<20)
	c := compact.NewCursor()
	damaged := 0
	for _, want := range batches {
		b, ok, err := c.Batch(f, want.number)
		var damage *compact.CorruptError
		switch {
		case errors.As(err, &damage):
			damaged++
		case err != nil || !ok || !bytes.Equal(b.Record(), want.Record()):
			t.Fatalf("batch %d: %t %v", want.number, ok, err)
		}
	}
	if damaged == 0 || damaged > 6 {
		t.Errorf("%d batches of %d are lost", damaged, len(batches))
	}
}

// BenchmarkCursor reads 16 MiB of text, for all batches and for a needle that is
// nowhere.
func BenchmarkCursor(b *testing.B) {
	eachCorpus(b, func(b *testing.B, kind corpus.Kind) {
		batches := numberedFrom(1, corpusBatches(b, kind, 1, 16<<20, 256<<10))
		disk := newDisk(b)
		stats := write(b, disk, compact.Options{}, batches, nil)
		f := open(b, disk, 4<<20)
		for name, needles := range map[string][][]byte{"all": nil, "needle": {[]byte("XYZZYPLUGH")}} {
			b.Run(name, func(b *testing.B) {
				start := cpu()
				for b.Loop() {
					c := compact.NewCursor(needles...)
					for _, want := range batches {
						if _, _, err := c.Batch(f, want.number); err != nil {
							b.Fatal(err)
						}
					}
				}
				rate(b, stats.TextBytes, cpu()-start)
				bare(b, textOf(unnumbered(batches)))
			})
		}
	})
}
