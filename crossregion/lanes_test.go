package crossregion

import (
	"math/rand/v2"
	"testing"

	"sluice/internal/origins"
)

// TestLanes splits, finishes and takes at random, and compares what the lanes
// leave to be taken with a set of positions.
func TestLanes(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		last := origins.Lane
		fresh := func() uint32 { last++; return last }
		end := uint64(1 + rng.IntN(50))
		var r Replica
		r.begin(end, rng.IntN(2) == 0, rng.IntN(3) == 0, fresh)
		marks := map[uint32]uint64{} // as the log would fold them: they only grow
		at := func(l Lane) uint64 { return max(l.From, l.Passed, marks[l.ID]) }
		taken := map[uint64]int{}
		for range 300 {
			if err := r.check(); err != nil {
				t.Fatal(err)
			}
			i := rng.IntN(len(r.Lanes))
			l := r.Lanes[i]
			to := end
			if !l.live() {
				to = l.To
			}
			switch rng.IntN(4) {
			case 0:
				end += uint64(rng.IntN(20))
			case 1:
				if at(l) < to {
					taken[at(l)]++
					marks[l.ID] = at(l) + 1
				} else if !l.live() {
					r.finish(l.ID)
				}
			case 2:
				r.split(end, fresh)
			case 3:
				if at(l) < to && rng.IntN(10) == 0 { // unwanted
					taken[at(l)]++
					r.pass(l.ID, at(l)+1)
				}
			}
		}
		for len(r.Lanes) > 0 {
			l := r.Lanes[0]
			to := end
			if !l.live() {
				to = l.To
			}
			for ; at(l) < to; marks[l.ID] = at(l) + 1 {
				taken[at(l)]++
			}
			if l.live() {
				break
			}
			r.finish(l.ID)
		}
		for p := r.Start; p < end; p++ {
			if taken[p] != 1 {
				t.Errorf("seed %d: position %d was taken %d times", seed, p, taken[p])
			}
		}
		if uint64(len(taken)) != end-r.Start {
			t.Errorf("seed %d: %d positions were taken of [%d,%d)", seed, len(taken), r.Start, end)
		}
		if last-origins.Lane > maxLanes+1 {
			t.Errorf("seed %d: %d lane numbers for at most %d lanes", seed, last-origins.Lane, maxLanes)
		}
	}
}
