package torture

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	l := newLedger(2)
	a, b := l.writers[0], l.writers[1]
	a.ack(a.send(3), 3)  // 0 to 2
	first := a.send(100) // 3 to 102, not acknowledged
	a.ack(a.send(1), 1)  // 103
	b.ack(b.send(2), 2)
	s := l.newSeen()
	f := func(writer, n, times int) {
		for range times {
			s.add(string(appendID(nil, writer, n)) + "text 1-2")
		}
	}
	f(0, 0, 1)
	f(0, 2, 3) // 1 is lost
	f(0, first, 1)
	f(0, 103, 300)
	f(1, 0, 1)
	f(1, 1, 1)
	f(1, 2, 1)
	f(2, 0, 1)
	for _, strange := range []string{"", "t", "t1", "t1-", "t1-1", "t-1 ", "x1-1 ", "t1--1 ", "t1-x "} {
		s.add(strange)
	}
	want := Stream{Name: "s", Delivered: 3, Unknown: 1, Lost: 1, Doubled: 2, Strange: 11}
	if diff := cmp.Diff(want, l.compare("s", s)); diff != "" {
		t.Error("want - got +\n" + diff)
	}
	if sent, acked := l.totals(); sent != 106 || acked != 6 {
		t.Error(sent, acked)
	}
}
