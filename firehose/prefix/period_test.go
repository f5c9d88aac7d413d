package prefix

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestPeriod(t *testing.T) {
	f := func(text string, want Period) {
		t.Helper()
		p, err := New(text, "e/!{firehose:error-output-type}", Features{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Prefix.Period(); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	f("", Hour) // the default time
	f("!{firehose:random-string}/", Always)
	f("!{timestamp:yyyy}/", Year)
	f("!{timestamp:yyyy}/!{timestamp:MM}/", Month)
	f("!{timestamp:'m'dd}/!{timestamp:MM}/", Day)
	f("!{timestamp:YYYY-ww}/", Day)
	f("!{timestamp:yyyy/MM/dd/HH}/", Hour)
	f("!{timestamp:yyyy/MM/dd/HH-mm}/", Minute)
	f("!{timestamp:ss}/", Second)
	f("!{timestamp:yyyy-SSS}/", Millisecond)
}

// Within the bounds of a period every instant prints the same; the bounds hold
// the instant and are those of every instant between.
func TestBoundsHoldWhatPrintsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, zone := range []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"} {
		loc, err := LoadZone(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"yyyy", "yyyyMM", "yyyyMMdd", "yyyy/MM/dd/HH xx", "HH:mm", "HHmmss"} {
			pair, err := New("!{timestamp:"+text+"}", "e/!{firehose:error-output-type}", Features{})
			if err != nil {
				t.Fatal(err)
			}
			show := func(at time.Time) string {
				b, err := pair.Prefix.Append(nil, Values{Instant: at.In(loc)})
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			period := pair.Prefix.Period()
			for range 300 {
				at := time.UnixMilli(1_700_000_000_000 + r.Int64N(70_000_000_000)).In(loc)
				start, end := period.Bounds(at)
				if at.Before(start) || !at.Before(end) {
					t.Fatalf("%s %s: %v is not in %v to %v", zone, text, at, start, end)
				}
				other := start.Add(time.Duration(r.Int64N(int64(end.Sub(start)))))
				s, e := period.Bounds(other)
				if show(other) != show(at) || !s.Equal(start) || !e.Equal(end) {
					t.Fatalf("%s %s: %v prints %s, %v prints %s", zone, text, at, show(at), other, show(other))
				}
			}
		}
	}
}
