package store

import (
	"reflect"
	"testing"

	"sluice/internal/wal"
)

func words64(v ...uint64) (b []byte) {
	for _, v := range v {
		b = le.AppendUint64(b, v)
	}
	return b
}

func foldRemovals(removals ...*removal) *dropped {
	d := &dropped{}
	for _, g := range removals {
		d.Fold(wal.Frame{Type: wal.TypeCount, Key: removalKey, Payload: g.append(nil)})
	}
	return d
}

func TestRemovalsAddUp(t *testing.T) {
	one := &removal{first: 1, last: 9, id: 10, streams: []removed{{1, 2, OptedOut, 3, 30}, {1, 4, Deleted, 1, 5}, {1, 4, OptedOut, 2, 20}}}
	whole := &removal{first: 10, last: 19, id: 21, whole: true, streams: []removed{{1, 2, OptedOut, 7, 70}}}
	budget := &removal{first: 1, last: 9, id: 22, whole: true, streams: []removed{{2, 3, Dropped, 4, 40}}}
	d := foldRemovals(one, whole, budget)
	if want := [reasons]Amount{{1, 5}, {}, {4, 40}, {12, 120}}; d.sums != want {
		t.Errorf("%v want %v", d.sums, want)
	}
	if want := []DroppedRange{{1, 9, Amount{5, 50}}, {10, 19, Amount{7, 70}}}; !reflect.DeepEqual(d.optedOut, want) {
		t.Errorf("%v want %v", d.optedOut, want)
	}
	if d.covers() != 19 || d.countedTo() != 22 || d.droppedBelow() != 10 {
		t.Error(d.covers(), d.countedTo(), d.droppedBelow())
	}
	if !d.gone(1, 9) || !d.gone(12, 13) || d.gone(5, 15) || d.gone(20, 29) {
		t.Error("what is gone")
	}
	var again dropped
	if err := again.Restore(d.AppendSnapshot(nil)); err != nil || !reflect.DeepEqual(&again, d) {
		t.Errorf("%+v want %+v: %v", &again, d, err)
	}
}

// Frames and snapshots of data folders that know no class.
func TestRemovalsOfVersion0(t *testing.T) {
	d := &dropped{}
	d.Fold(wal.Frame{Type: wal.TypeCount, Payload: words64(3, 8, 1, 1, 2, uint64(Dropped), 5, 50)})
	if want := (Amount{5, 50}); d.sums[Dropped-1] != want || d.droppedBelow() != 9 || d.countedTo() != 0 {
		t.Errorf("%+v", d)
	}
	if err := d.Restore(words64(9, 1, 10, 2, 20, 3, 30, 1, 8, 3, 30)); err != nil {
		t.Fatal(err)
	}
	if want := [reasons]Amount{{1, 10}, {2, 20}, {3, 30}}; d.sums != want {
		t.Error(d.sums)
	}
	if want := []DroppedRange{{1, 8, Amount{3, 30}}}; !reflect.DeepEqual(d.ranges, want) || d.droppedBelow() != 9 {
		t.Error(d.ranges, d.droppedBelow())
	}
}

func TestManyRangesAreSummedUp(t *testing.T) {
	d := &dropped{}
	for i := range uint64(3 * maxRanges) {
		g := &removal{first: 10*i + 1, last: 10*i + 10, id: 10*i + 11, whole: true, streams: []removed{{1, 2, OptedOut, 1, 7}}}
		d.Fold(wal.Frame{Type: wal.TypeCount, Payload: g.append(nil)})
	}
	if n := len(d.optedOut); n != maxRanges || len(d.wholes) != maxRanges {
		t.Fatal(n, len(d.wholes))
	}
	var sum Amount
	next := uint64(1)
	for _, r := range d.optedOut {
		if r.First != next {
			t.Errorf("%+v begins behind %d", r, next)
		}
		next = r.Last + 1
		sum.Events, sum.Bytes = sum.Events+r.Events, sum.Bytes+r.Bytes
	}
	if want := (Amount{3 * maxRanges, 21 * maxRanges}); sum != want || d.covers() != next-1 {
		t.Error(sum, d.covers())
	}
}

func FuzzRemoval(f *testing.F) {
	g := &removal{first: 1, last: 9, id: 10, whole: true, streams: []removed{{1, 2, OptedOut, 3, 30}}}
	f.Add(g.append(nil))
	f.Add(words64(3, 8, 1, 1, 2, uint64(Dropped), 5, 50))
	f.Fuzz(func(t *testing.T, payload []byte) {
		g, err := openRemoval(payload)
		if err != nil {
			return
		}
		again, err := openRemoval(g.append(nil))
		if err != nil || !reflect.DeepEqual(again, g) {
			t.Fatalf("%+v want %+v: %v", again, g, err)
		}
	})
}

func FuzzDroppedSnapshot(f *testing.F) {
	g := &removal{first: 1, last: 9, id: 10, whole: true, streams: []removed{{1, 2, OptedOut, 3, 30}}}
	f.Add(foldRemovals(g).AppendSnapshot(nil))
	f.Add(words64(9, 1, 10, 2, 20, 3, 30, 1, 8, 3, 30))
	f.Fuzz(func(t *testing.T, src []byte) {
		var d, again dropped
		if d.Restore(src) != nil {
			return
		}
		if err := again.Restore(d.AppendSnapshot(nil)); err != nil || !reflect.DeepEqual(&again, &d) {
			t.Fatalf("%+v want %+v: %v", &again, &d, err)
		}
	})
}
