package firehose

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/event"
	"sluice/internal/wal"
)

var (
	somePlan = plan{
		version: 3, cut: 9, first: 100, end: 120, position: 110, arn: "arn:aws:firehose:r:a:deliverystream/lake", chain: "lake",
		config: []byte(`{"BucketARN":"arn:aws:s3:::lake"}`),
		parts: []part{
			{name: "eprocessing-failed", key: "errors/x", first: 104, count: 1, bytes: 10, size: 12, oldest: 1_767_323_045_000, instant: 1_767_323_045_000},
			{name: "da\x00", key: "a/2026/01/02/03/lake-3-x.gz", first: 100, count: 7, bytes: 1 << 40, size: 1 << 41, oldest: 1, instant: 2},
			{name: "x", first: 101, count: 1},
		},
	}
	wholePlan = plan{
		version: 3, cut: 9, first: 100, end: 120, position: 120, arn: "arn", chain: "lake", config: []byte(`{}`), whole: true,
		parts: []part{{key: "k", first: 100, count: 7, bytes: 9, oldest: 4, instant: 4}},
	}
	planOfVersion1 = plan{
		version: 3, cut: 9, first: 100, end: 120, position: 120, arn: "arn:aws:firehose:r:a:deliverystream/lake", chain: "lake",
		whole: true, v1: &planV1{form: formMessages, codec: "GZIP", bucket: "lake"},
		parts: []part{{
			key: "2026/01/02/03/lake-3-x.gz", first: 100, count: 7, bytes: 1 << 40, size: 1 << 40, oldest: 1_767_323_045_000, instant: 1_767_323_045_000,
		}},
	}
)

// frameOfVersion1 is planOfVersion1 as the last version wrote it.
const frameOfVersion1 = "AQIAAAMAAAAJAAAAAAAAAGQAAAAAAAAAeAAAAAAAAAAHAAAAAAAAAAAAAAAAAQAAiIypfJsBAAAEAEdaSVAEAGxha2UZADIwMjYvMDEvMDIvMDMvbGFrZS0zLXguZ3ooAGFybjphd3M6ZmlyZWhvc2U6cjphOmRlbGl2ZXJ5c3RyZWFtL2xha2UEAGxha2U="

func TestPlanRoundTrip(t *testing.T) {
	f := func(p *plan) {
		t.Helper()
		b := p.append(nil)
		got, err := openPlan(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p, got, cmp.AllowUnexported(plan{}, part{}, planV1{})); d != "" {
			t.Error(d)
		}
		for n := range b {
			if _, err := openPlan(b[:n]); err == nil {
				t.Errorf("%d of %d bytes make a plan", n, len(b))
			}
		}
	}
	f(&somePlan)
	f(&wholePlan)
	f(&planOfVersion1)
	if got := base64.StdEncoding.EncodeToString(planOfVersion1.append(nil)); got != frameOfVersion1 {
		t.Errorf("version 1 is %s", got)
	}
}

func FuzzFrames(f *testing.F) {
	for _, p := range []plan{somePlan, wholePlan, planOfVersion1} {
		f.Add(p.append(nil), (&commit{position: 120, delivered: 7, cut: 9, manifest: [32]byte{1}}).append(nil))
	}
	f.Fuzz(func(t *testing.T, planned, committed []byte) {
		if p, err := openPlan(planned); err == nil && !bytes.Equal(p.append(nil), clearReserved(planned)) {
			t.Error("a plan does not come back")
		}
		s := NewState()
		s.Fold(wal.Frame{Type: wal.TypePlan, Key: 1, Payload: planned})
		s.Fold(wal.Frame{Type: wal.TypeCommit, Key: 1, Payload: committed})
		snapshot := s.AppendSnapshot(nil)
		again := NewState()
		if err := again.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.AppendSnapshot(nil), snapshot) {
			t.Error("a snapshot does not come back")
		}
		if err := again.Restore(planned); err == nil {
			again.AppendSnapshot(nil)
		}
	})
}

// clearReserved is a plan with the two bytes that nobody reads at zero.
func clearReserved(b []byte) []byte {
	b = bytes.Clone(b)
	b[2], b[3] = 0, 0
	if b[0] == planVersion {
		b[1] &= flagWhole
	}
	return b
}

func TestFoldCountsOnce(t *testing.T) {
	s := NewState()
	p := wholePlan
	p.cut, p.first, p.parts = 1, 0, []part{{key: "k"}, {key: "l", first: 50}}
	planned := wal.Frame{Type: wal.TypePlan, Key: 5, Payload: p.append(nil)}
	committed := wal.Frame{Type: wal.TypeCommit, Key: 5, Payload: (&commit{position: 120, delivered: 7, bytes: 70, cut: 1, objects: 1, manifest: [32]byte{1}}).append(nil)}
	s.Fold(planned)
	s.Fold(planned)
	if c := s.at(5); c.plan == nil || c.cuts != 0 {
		t.Errorf("%+v", c)
	}
	s.Fold(committed)
	s.Fold(committed)
	s.Fold(planned)
	if c := s.at(5); c.plan != nil || c.delivered != 7 || c.position != 120 || c.cuts != 1 {
		t.Errorf("%+v", c)
	}
	s.Fold(wal.Frame{Type: wal.TypeCommit, Key: 5, Payload: (&commit{position: 130, discarded: 4}).append(nil)})
	if c := s.at(5); c.discarded != 4 || c.skipped != 4 || c.manifest != [32]byte{1} || c.cuts != 1 {
		t.Errorf("%+v", c)
	}
	if c := s.at(6); !reflect.DeepEqual(c, cursor{}) {
		t.Errorf("another route: %+v", c)
	}
}

func TestObjectUUIDNeverChanges(t *testing.T) {
	f := func(route uint64, shard uint32, partition string, first uint64, want string) {
		t.Helper()
		if got := objectUUID(route, shard, partition, first); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(1, 0, "", 0, "0af5fb25-3ddc-5cf4-8dc7-d6b07a0ac312")
	seen := map[string]bool{}
	for route := range uint64(3) {
		for shard := range uint32(3) {
			for first := range uint64(3) {
				for _, p := range []string{"", "a"} {
					seen[objectUUID(route, shard, p, first)] = true
				}
			}
		}
	}
	if len(seen) != 54 {
		t.Errorf("%d different of 54", len(seen))
	}
}

func TestBackOff(t *testing.T) {
	for attempts := 1; attempts < 40; attempts++ {
		bound := min(retryMost, retryLeast<<min(attempts, 20))
		var least, most time.Duration = time.Hour, 0
		for range 200 {
			d := backOff(attempts)
			least, most = min(least, d), max(most, d)
		}
		if least < retryLeast || most > bound || most < bound/2 {
			t.Errorf("attempt %d: %v to %v, bound %v", attempts, least, most, bound)
		}
	}
}

func TestRecordIDs(t *testing.T) {
	a := recordID(1, event.Position{Shard: 1, Number: 2}, 3)
	if a != recordID(1, event.Position{Shard: 1, Number: 2}, 3) {
		t.Error("not a function of the place")
	}
	for _, b := range []string{
		recordID(2, event.Position{Shard: 1, Number: 2}, 3), recordID(1, event.Position{Shard: 2, Number: 2}, 3),
		recordID(1, event.Position{Shard: 1, Number: 3}, 3), recordID(1, event.Position{Shard: 1, Number: 2}, 4),
	} {
		if a == b {
			t.Error("two places, one id")
		}
	}
}

// folding is a log that is its state.
type folding struct {
	state  *State
	frames int
}

func (j *folding) Append(_ context.Context, _ uint32, t wal.Type, key uint64, payload []byte) error {
	j.frames++
	j.state.Fold(wal.Frame{Type: t, Key: key, Seq: uint64(j.frames), Payload: payload})
	return nil
}

// A plan that is written and does not fold would be made again and again.
func TestPlanThatDoesNotFold(t *testing.T) {
	f := func(what string, change func(*plan), stops bool) {
		t.Helper()
		j := &folding{state: NewState()}
		p := wholePlan
		p.cut, p.first, p.parts = 1, 0, []part{{key: "k", count: 7}}
		change(&p)
		err := (&local{journal: j, state: j.state, route: 5}).plan(t.Context(), &p)
		var stop *stopError
		if errors.As(err, &stop) != stops || !stops && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	f("as it is", func(*plan) {}, false)
	f("of another cut", func(p *plan) { p.cut = 2 }, true)
	f("from another position", func(p *plan) { p.first, p.parts[0].first = 9, 9 }, true)
	f("of a name that its length cannot say", func(p *plan) {
		p.whole, p.parts[0].name = false, "d"+strings.Repeat("x", 1<<16)
	}, true)
}
