package event_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"sluice/internal/event"
)

// TestLongFilterNamesAreCut between characters.
func TestLongFilterNamesAreCut(t *testing.T) {
	src := seal(t, []in{{10, "a"}})
	f := func(name, want string) {
		t.Helper()
		payload, err := event.AppendMatch(event.AppendMatches(nil, 1, 2, nil), event.Match{Key: 8, Name: []byte(name)}, src, nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		m, err := event.OpenMatches(payload)
		if err != nil {
			t.Fatal(err)
		}
		for e := range m.Entries() {
			d, err := e.Delivery(func(uint64) (event.Batch, error) { return src, nil })
			if err != nil || d.Filter != want {
				t.Errorf("%d bytes, %v", len(d.Filter), err)
			}
		}
	}
	f(strings.Repeat("x", 512), strings.Repeat("x", 255))
	f(strings.Repeat("é", 300), strings.Repeat("é", 127))
	f(strings.Repeat("日", 85), strings.Repeat("日", 85))
}

func TestMatchesKeepEventsWhateverTheirForm(t *testing.T) {
	src := seal(t, []in{{10, "aaaa"}, {20, strings.Repeat("b", 100)}, {30, "cc"}})
	const traits = event.TraitRandom | event.TraitSourceLog
	f := func(sel event.Selection, kind event.MatchKind, want ...string) {
		t.Helper()
		payload := event.AppendMatches(nil, 77, 1234, []event.Tally{{Filter: 5, Read: 3, Matched: uint64(len(want)), Bytes: 6}})
		payload, err := event.AppendMatch(payload, event.Match{Key: 8, Filter: 5, Source: 76, Traits: traits, Name: []byte("errors")}, src, sel, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		m, err := event.OpenMatches(payload)
		if err != nil || m.InputEnd != 77 || m.Arrived != 1234 {
			t.Fatal(m, err)
		}
		tallies := slices.Collect(m.Tallies())
		if len(tallies) != 1 || tallies[0] != (event.Tally{Filter: 5, Read: 3, Matched: uint64(len(want)), Bytes: 6}) {
			t.Error(tallies)
		}
		entries := slices.Collect(m.Entries())
		if len(entries) != 1 || entries[0].Kind != kind || entries[0].Key != 8 {
			t.Fatalf("%+v", entries)
		}
		d, err := entries[0].Delivery(func(n uint64) (event.Batch, error) {
			if n != 76 {
				t.Error("source", n)
			}
			return src, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for lo, hi := range d.Batch.Runs(d.Selection) {
			for i := lo; i < hi; i++ {
				got = append(got, string(d.Batch.Message(i)))
			}
		}
		if !slices.Equal(got, want) || d.Filter != "errors" || d.Traits != traits || d.Bytes() != int(entries[0].Bytes) {
			t.Error(got, d.Filter, d.Bytes())
		}
	}
	b := strings.Repeat("b", 100)
	f(event.Selection{0, 2}, event.MatchCopy, "aaaa", "cc")
	f(event.Selection{0, 1, 2}, event.MatchAll, "aaaa", b, "cc")
	f(nil, event.MatchAll, "aaaa", b, "cc")
	f(event.Selection{1}, event.MatchBitmap, b)
}

func FuzzMatches(f *testing.F) {
	src := seal(f, three)
	payload := event.AppendMatches(nil, 77, 1234, []event.Tally{{Filter: 5}})
	for _, sel := range []event.Selection{{0}, {2}, nil} {
		payload, _ = event.AppendMatch(payload, event.Match{Key: 8, Name: []byte("errors")}, src, sel, 4)
	}
	f.Add(payload)
	f.Add(payload[:20])
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := event.OpenMatches(bytes.Clone(payload))
		if err != nil {
			if !errors.Is(err, event.ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		for range m.Tallies() {
		}
		for e := range m.Entries() {
			d, err := e.Delivery(func(uint64) (event.Batch, error) { return src, nil })
			if err == nil && d.Events() != int(e.Count) {
				t.Error("count")
			}
		}
	})
}
