package compact_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/internal/compact"
	"sluice/internal/event"
)

// TestCopiedBlocksAreThoseOfTheirFile makes a file of another one's blocks, some
// copied and some put together again, and wants to read the same from both.
func TestCopiedBlocksAreThoseOfTheirFile(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	copied := 0
	for range 40 {
		opts := compact.Options{BlockBytes: 1 << (9 + r.IntN(5)), NGrams: r.IntN(3) > 0}
		batches := sorted(mixed(t, r, 1+r.IntN(80)))
		from := newDisk(t)
		write(t, from, opts, batches, nil)
		old := open(t, from, 1<<20)
		block := blocksOf(t, old)

		disk := newDisk(t)
		w, err := compact.Create(disk, path, 3, opts)
		must(t, err)
		for i := 0; i < len(batches); i++ {
			n := block[batches[i].number]
			begins := i == 0 || block[batches[i-1].number] != n
			if begins && w.Copies(old, n) && r.IntN(4) > 0 {
				must(t, w.Copy(old, n))
				if err := w.Copy(old, n); !errors.Is(err, compact.ErrOrder) {
					t.Fatalf("a block twice: %v", err)
				}
				copied++
				for i+1 < len(batches) && block[batches[i+1].number] == n {
					i++
				}
				continue
			}
			must(t, w.Batch(batches[i].number, batches[i].Batch))
		}
		last := slices.MaxFunc(batches, func(a, b numbered) int { return int(a.number) - int(b.number) }).number
		_, err = w.Finish(1, last)
		must(t, err)

		f := open(t, disk, 1<<20)
		must(t, f.Verify(func(d compact.Damage) { t.Errorf("%+v", d) }))
		for _, want := range batches {
			if b, err := f.Batch(want.number); err != nil || !bytes.Equal(b.Record(), want.Record()) {
				t.Fatalf("batch %d: %v, or another one", want.number, err)
			}
		}
		for group := range uint64(7) {
			if got, want := placesOf(t, f, group), placesOf(t, old, group); !slices.Equal(got, want) {
				t.Fatalf("group %d: %v, want %v", group, got, want)
			}
		}
		a, b := f.Stats(), old.Stats()
		if a.Batches != b.Batches || a.Events != b.Events || a.TextBytes != b.TextBytes {
			t.Fatalf("%+v, want %+v", a, b)
		}
	}
	if copied < 40 {
		t.Errorf("%d blocks were copied: too few", copied)
	}
}

// TestCopyRefusesDamage: what is damaged is not handed on.
func TestCopyRefusesDamage(t *testing.T) {
	batches := numberedFrom(1, []event.Batch{sealed(t, 1, 1, 5, "a message", "and another")})
	from := newDisk(t)
	write(t, from, compact.Options{}, batches, nil)
	flip(t, from, 4096+192+40, 1)
	disk := newDisk(t)
	w, err := compact.Create(disk, path, 3, compact.Options{})
	must(t, err)
	defer w.Discard()
	var damage *compact.CorruptError
	if err := w.Copy(open(t, from, 1<<20), 0); !errors.As(err, &damage) {
		t.Fatalf("%v", err)
	}
	must(t, w.Batch(1, batches[0].Batch)) // nothing of it was added
	_, err = w.Finish(1, 1)
	must(t, err)
}

// blocksOf tells which block a batch lies in.
func blocksOf(t *testing.T, f *compact.File) map[uint64]int {
	block := map[uint64]int{}
	f.Groups(func(g compact.Group) {
		must(t, f.Places(g.UID, 0, math.MinInt64, math.MaxInt64, nil, func(p compact.Place) { block[p.Number] = p.Block }))
	})
	return block
}

// placesOf lists the places of a group, but for their blocks.
func placesOf(t *testing.T, f *compact.File, group uint64) (all []compact.Place) {
	must(t, f.Places(group, 0, math.MinInt64, math.MaxInt64, nil, func(p compact.Place) {
		p.Block = 0
		all = append(all, p)
	}))
	return all
}
