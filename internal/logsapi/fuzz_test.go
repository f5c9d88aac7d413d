package logsapi

import (
	"testing"
	"time"

	"sluice/internal/event"
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
