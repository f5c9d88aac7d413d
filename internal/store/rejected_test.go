package store

import "testing"

// Counts and snapshots of before there were five reasons still mean what they
// meant.
func TestRejectedOfVersion0(t *testing.T) {
	want := Rejected{TooOld: 1, TooNew: 2, Expired: 3}
	old := appendRejected(nil, want)[:rejectedWords0*8]
	if got, err := openRejected(old); err != nil || got != want {
		t.Errorf("a count of version 0: %+v, %v", got, err)
	}
	var snapshot []byte
	for _, v := range [...]uint64{10, 100, 4} { // events, bytes, batches
		snapshot = le.AppendUint64(snapshot, v)
	}
	snapshot = append(snapshot, old...)
	for streams := range 20 {
		s := newStats()
		if err := s.Restore(snapshot); err != nil || s.totals != (Totals{10, 100, 4, want}) || len(s.streams) != streams {
			t.Fatalf("%d streams: %+v, %d streams, %v", streams, s.totals, len(s.streams), err)
		}
		again := newStats()
		s.totals.Rejected.add(Rejected{TooLarge: 4, Invalid: 5})
		if err := again.Restore(s.AppendSnapshot(nil)); err != nil || again.totals != s.totals || len(again.streams) != streams {
			t.Fatalf("%d streams, this version: %+v, %v", streams, again.totals, err)
		}
		for _, v := range [...]uint64{uint64(streams) + 1, 7, 1, 2, 3, 1, 10} {
			snapshot = le.AppendUint64(snapshot, v)
		}
	}
}

func TestRejectedRoundTrip(t *testing.T) {
	want := Rejected{TooOld: 1, TooNew: 2, Expired: 3, TooLarge: 4, Invalid: 5}
	if got, err := openRejected(appendRejected(nil, want)); err != nil || got != want || got.Sum() != 15 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := openRejected(make([]byte, 23)); err == nil {
		t.Error("a short count was read")
	}
}
