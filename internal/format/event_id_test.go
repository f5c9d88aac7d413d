package format

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/internal/event"
)

func TestEventIDsPrintAsEventID(t *testing.T) {
	f := func(id event.ID) {
		t.Helper()
		var ids eventIDs
		ids.use(id.Ingested, id.Request)
		if got, want := string(ids.append(nil, id.Timestamp, id.Index)), id.String(); got != want {
			t.Errorf("%+v: %s, want %s", id, got, want)
		}
	}
	f(event.ID{})
	f(event.ID{Timestamp: 1_767_225_600_000, Ingested: 1_767_225_600_123, Request: 1, Index: 9})
	f(event.ID{Timestamp: -1, Ingested: -1, Request: math.MaxUint64, Index: math.MaxUint16})
	f(event.ID{Timestamp: 1, Request: math.MaxUint64, Index: math.MaxUint16})
	f(event.ID{Timestamp: math.MaxInt64, Ingested: math.MaxInt64, Request: math.MaxUint64})
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		shift := func() int { return r.IntN(64) }
		f(event.ID{
			Timestamp: int64(r.Uint64() >> shift()), Ingested: int64(r.Uint64() >> shift()),
			Request: r.Uint64() >> shift(), Index: uint16(r.Uint64()),
		})
	}
}

func BenchmarkEventID(b *testing.B) {
	id := event.ID{Timestamp: 1_767_225_600_000, Ingested: 1_767_225_600_123, Request: 0x9e3779b97f4a7c15, Index: 9}
	var dst []byte
	b.Run("event", func(b *testing.B) {
		for b.Loop() {
			id.Timestamp++
			dst = id.AppendText(dst[:0])
		}
	})
	b.Run("batch", func(b *testing.B) {
		var ids eventIDs
		ids.use(id.Ingested, id.Request)
		for b.Loop() {
			id.Timestamp++
			dst = ids.append(dst[:0], id.Timestamp, id.Index)
		}
	})
}
