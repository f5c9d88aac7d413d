package logsapi

import (
	"slices"
	"testing"
	"time"

	"sluice/internal/event"
	"sluice/internal/store"
)

func FuzzParseNextToken(f *testing.F) {
	now := time.UnixMilli(1767600000000)
	f.Add(*NextToken("DescribeLogGroups", "/shop/web", now, true))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		after, err := ParseNextToken("DescribeLogGroups", &token, now)
		if err != nil {
			return
		}
		if after == "" {
			t.Error("a token that begins at the beginning")
		}
		if _, err := ParseNextToken("DescribeLogStreams", &token, now); err == nil {
			t.Error("another list took the token")
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add("f/" + event.ID{Timestamp: 1767600000000, Index: 3}.String() + "/s")
	f.Add("b/0/s")
	f.Fuzz(func(t *testing.T, token string) {
		at, err := parseCursor(&token, false)
		if err != nil {
			return
		}
		out := answerPage(nil, at)
		same := out.NextBackwardToken
		if at.forward {
			same = out.NextForwardToken
		}
		again, err := parseCursor(&same, false)
		if err != nil || again != at {
			t.Errorf("%q: the end of the stream is %q: %+v, %v", token, same, again, err)
		}
	})
}

func FuzzParsePlace(f *testing.F) {
	f.Add("")
	f.Add("12345678name")
	f.Fuzz(func(t *testing.T, place string) {
		if s := parsePlace(place); len(place) >= 8 && s.place() != place {
			t.Errorf("%q is %q", place, s.place())
		}
	})
}

func FuzzFilterToken(f *testing.F) {
	now := time.UnixMilli(1767600000000)
	events := fixedEnd{}
	in := &filterLogEventsInput{}
	fresh := func() *sweep { return &sweep{index: events, query: store.Query{Group: 7}} }
	f.Add("")
	s := fresh()
	s.at, s.below = cursor{forward: true, set: true, at: true, id: event.ID{Timestamp: 1, Request: 2, Index: 3}}, []uint64{1, 300}
	f.Add(s.token())
	f.Fuzz(func(t *testing.T, carried string) {
		in.NextToken = NextToken(filterLogEventsName, carried, now, true)
		s := fresh()
		if err := s.resume(in, now); err != nil {
			return
		}
		again := fresh()
		in.NextToken = NextToken(filterLogEventsName, s.token(), now, true)
		if err := again.resume(in, now); err != nil || again.at != s.at || !slices.Equal(again.below, s.below) {
			t.Errorf("%q: %+v %v, then %+v %v: %v", carried, s.at, s.below, again.at, again.below, err)
		}
	})
}

// fixedEnd is a log of one position.
type fixedEnd struct{ Index }

func (fixedEnd) Durable() []uint64 { return []uint64{2} }
