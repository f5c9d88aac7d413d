package wal

import (
	"context"
	"fmt"
	"testing"

	"sluice/internal/vfs"
)

// TestCut is the rule of recovery: what is durable, what is damage, what is torn.
func TestCut(t *testing.T) {
	// Frames are seq@index, each 100 bytes long in the picture, "-" is a damaged
	// frame's place. The first sequence is 1.
	f := func(frames []string, floor uint64, end int64, last uint64, damage ...hole) {
		t.Helper()
		v := survey{}
		open := int64(-1)
		for i, s := range frames {
			off := int64(i) * 100
			p := parsed{Frame: Frame{Type: TypePut}}
			if s == "-" {
				if open < 0 {
					open = off
				}
				continue
			}
			if _, err := fmt.Sscanf(s, "%d@%d", &p.Seq, &p.index); err != nil {
				t.Fatal(err)
			}
			if open >= 0 {
				v.addHole(open, off, p)
				open = -1
			}
			v.end, v.last = off+100, p.Seq
			v.durable = max(v.durable, p.blockFirst()-1)
		}
		gotEnd, gotLast, got := v.cut(floor)
		if gotEnd != end || gotLast != last || fmt.Sprint(got) != fmt.Sprint(damage) {
			t.Errorf("%v, floor %d: end %d, last %d, damage %v; want %d, %d, %v", frames, floor, gotEnd, gotLast, got, end, last, damage)
		}
	}
	f(nil, 0, 0, 0)
	f([]string{"-", "-"}, 0, 0, 0)
	f([]string{"1@0", "2@0", "3@1"}, 0, 300, 3)
	f([]string{"1@0", "2@0", "-"}, 0, 200, 2)                            // torn
	f([]string{"1@0", "-", "3@1"}, 0, 100, 1)                            // 2 and 3 are one block, torn
	f([]string{"1@0", "-", "3@0"}, 0, 300, 3, hole{100, 100, 2, 2})      // 3 proves 2
	f([]string{"1@0", "-", "-", "4@1"}, 0, 100, 2, hole{100, 200, 2, 2}) // 4 proves 2 and not 3
	f([]string{"1@0", "-", "3@0", "4@0", "-", "6@1"}, 0, 400, 4, hole{100, 100, 2, 2})
	f([]string{"-", "2@0"}, 0, 200, 2, hole{0, 100, 1, 1})
	f([]string{"-", "2@1"}, 0, 0, 0)
	f([]string{"1@0", "-"}, 2, 100, 2, hole{100, 0, 2, 2}) // the next segment proves 2
	f([]string{"-"}, 1, 0, 1, hole{0, 0, 1, 1})
	f([]string{"1@0", "-", "3@1"}, 3, 300, 3, hole{100, 100, 2, 2})
}

// TestBlockIndex: a commit block begins with what a leader did not take, and
// with each segment.
func TestBlockIndex(t *testing.T) {
	mem := vfs.NewMem()
	l, err := Open(mem, Config{Dir: "/", SegmentBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, sync := range []int{0, 1, 2, 1, 0, 0, 0} { // frames enqueued before each Append; four fit in a segment
		for range sync {
			if _, err := l.Enqueue(ctx, TypePut, 1, make([]byte, 900)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Append(ctx, TypePut, 1, make([]byte, 900)); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint32
	for _, s := range l.segments {
		f, err := vfs.Open(mem, l.path(s.name))
		if err != nil {
			t.Fatal(err)
		}
		sc := &scanner{file: f, uuid: s.uuid, off: s.start, limit: s.end}
		if _, err := surveySegment(sc, s.base, s.last, func(p parsed, _ int64) { got = append(got, p.index) }); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if want := "[0 0 1 0 0 1 0 1 0 0 0]"; fmt.Sprint(got) != want {
		t.Errorf("block indexes %v, want %v", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
