package embedded_test

import (
	"math/rand/v2"
	"testing"

	"sluice/internal/vfs"
	"sluice/stream/embedded"
)

// A consumer delivers records in an order of its own, by what they hold, and its
// position is that of the first that is left. What is in flight is exact at every
// commit, in Totals and in Pending, across restarts and merged entries.
func TestWhatIsDeliveredAheadIsNotInFlight(t *testing.T) {
	const key, size = 7, 50
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewMem()
		s := openStream(t, fs, 1)
		var positions []uint64 // not delivered
		for round := range 12 {
			n := 100 + r.IntN(600)
			for range n {
				at, err := s.Put(t.Context(), key, int64(round+1), [][]byte{make([]byte, size)})
				if err != nil {
					t.Fatal(err)
				}
				positions = append(positions, at.Number)
			}
			var left []uint64
			end := positions[len(positions)-1] + 1
			for _, p := range positions {
				if r.IntN(3) == 0 {
					left = append(left, p)
				}
			}
			if round == 11 {
				left = nil
			}
			done := int64(len(positions) - len(left))
			if len(left) > 0 {
				end = left[0]
			}
			positions = left
			s.commit(t, key, end, done, done*size)
			if round%4 == 3 {
				fs = fs.CrashClone(vfs.CrashOptions{})
				s = openStream(t, fs, 1)
			}
			totals, pending := s.Totals(key), s.Pending(key, 0)
			if want := int64(len(left)); totals.InFlight != want || totals.Lost() != 0 || pending.Count != want || pending.Bytes != want*size {
				t.Fatalf("seed %d round %d: %+v, pending %+v, %d left", seed, round, totals, pending, want)
			}
		}
	}
}

// A snapshot of the first version still restores.
func TestSnapshotOfVersion1(t *testing.T) {
	var b []byte
	for _, v := range []uint64{3, 10, 7, 700, 4, 1, 400} {
		b = le(b, v)
	}
	b = append(b, 1, 0, 0, 0)
	for _, v := range []uint64{10, 12, 2, 200, 5} {
		b = le(b, v)
	}
	x := embedded.NewIndex()
	if err := x.Restore(b); err != nil {
		t.Fatal(err)
	}
	want := embedded.Totals{Accepted: 7, AcceptedBytes: 700, Delivered: 4, Discarded: 1, DeliveredBytes: 400, InFlight: 2}
	if got := x.Totals(3); got != want || x.Committed(3) != 10 {
		t.Errorf("%+v", got)
	}
	again := embedded.NewIndex()
	if err := again.Restore(x.AppendSnapshot(nil)); err != nil || again.Totals(3) != want {
		t.Errorf("%+v, %v", again.Totals(3), err)
	}
}

func le(b []byte, v uint64) []byte {
	for range 8 {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}
