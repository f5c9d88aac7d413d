package embedded

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Entries that are merged and cut at random have the frames that a list of positions
// has to which the same was done, or know that they do not know them.
func TestPlacesAreThoseOfWhatWasMergedAndCut(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		apart := uint64(1) << rnd.IntN(20) // up to three bytes a frame
		first := 1 + rnd.Uint64N(1000)
		e, model := entry{first: first, end: first + 1}, []uint64{first}
		for range rnd.IntN(80) {
			last := model[len(model)-1]
			if rnd.IntN(20) == 0 { // more of the same frame
				e = merge(e, entry{first: last, end: last + 1})
				continue
			}
			next := last + 1 + rnd.Uint64N(apart)
			part, places := entry{first: next, end: next + 1}, []uint64{next}
			if rnd.IntN(3) == 0 { // of two frames
				part = merge(part, entry{first: next + apart, end: next + apart + 1})
				places = append(places, next+apart)
			}
			e, model = merge(e, part), append(model, places...)
		}
		if e.first != model[0] || e.end != model[len(model)-1]+1 {
			t.Fatalf("seed %d: [%d, %d) for %v", seed, e.first, e.end, model)
		}
		at := first + rnd.Uint64N(e.end-first+2)
		before, behind := e.cut(at)
		n, found := slices.BinarySearch(model, at)
		if !e.exact() {
			if len(e.frames) > 0 || len(model) < 20 {
				t.Fatalf("seed %d: %d frames are not known", seed, len(model))
			}
			if found && n > 0 && (behind.first != at || behind.end != e.end || before.first != e.first) {
				t.Fatalf("seed %d: cut at %d: %+v, %+v", seed, at, before, behind)
			}
			continue
		}
		if got := slices.Collect(e.places()); !slices.Equal(got, model) || e.frameCount() != int64(len(model)) || len(e.frames) > mostListed {
			t.Fatalf("seed %d: %v (%d), want %v", seed, got, e.frameCount(), model)
		}
		for _, part := range []struct {
			e    entry
			want []uint64
		}{{before, model[:n]}, {behind, model[n:]}} {
			switch empty := part.e.first == part.e.end; {
			case empty != (len(part.want) == 0):
				t.Fatalf("seed %d: cut at %d of %v: %+v", seed, at, model, part.e)
			case empty:
			case !part.e.exact() || !slices.Equal(slices.Collect(part.e.places()), part.want) || part.e.end != part.want[len(part.want)-1]+1:
				t.Fatalf("seed %d: cut at %d of %v: %+v", seed, at, model, part.e)
			}
		}
	}
}

// Whoever has what it wanted takes no more places.
func TestPlacesEndWhenTheyAreToldTo(t *testing.T) {
	e := merge(entry{first: 1, end: 2}, entry{first: 200, end: 201})
	for range e.places() {
		break
	}
	for at := range e.places() {
		if at == 200 {
			break
		}
	}
}
