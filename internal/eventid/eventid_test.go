package eventid_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/internal/event"
	"sluice/internal/eventid"
)

// TestAppend compares with event.ID's own text: in a row, with gaps, backwards, over
// changes of everything, and with fewer and more digits than most ids have.
func TestAppend(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var p eventid.Printer
		id := event.ID{Timestamp: r.Int64N(1 << (36 + r.IntN(7))), Ingested: r.Int64N(1 << 42), Request: r.Uint64()}
		for range 300 {
			switch r.IntN(14) {
			case 0, 1, 2:
				id.Timestamp += r.Int64N(5000)
			case 3:
				id.Timestamp += r.Int64N(1 << (1 + r.IntN(40)))
			case 4:
				id.Timestamp -= r.Int64N(5000)
			case 5:
				id.Index = uint16(r.Uint32())
			case 6:
				id.Index += uint16(r.IntN(1000))
			case 7:
				id.Request = r.Uint64() >> r.IntN(64)
			case 8:
				id = event.ID{Index: id.Index}
			case 9:
				id = event.ID{Timestamp: int64(r.Uint64() >> r.IntN(64)), Ingested: int64(r.Uint64() >> r.IntN(64)), Request: r.Uint64(), Index: math.MaxUint16}
			default:
				id.Index++
			}
			if got, want := string(p.Append(nil, id)), id.String(); got != want {
				t.Fatalf("%+v: %s, want %s", id, got, want)
			}
		}
	}
}

// TestIndexesCarry walks all indexes of requests whose number makes limbs carry.
func TestIndexesCarry(t *testing.T) {
	for request := range uint64(2000) {
		var p eventid.Printer
		for _, index := range []uint16{0, math.MaxUint16, 1, 32768, 65534, 2} {
			id := event.ID{Timestamp: 1_767_225_600_000, Ingested: 1_767_225_600_123, Request: request * 761, Index: index}
			if got, want := string(p.Append(nil, id)), id.String(); got != want {
				t.Fatalf("%+v: %s, want %s", id, got, want)
			}
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(int64(1_767_225_600_000), int64(1_767_225_600_123), uint64(1), uint16(9), int64(5), uint16(1))
	f.Add(int64(-1), int64(-1), uint64(math.MaxUint64), uint16(math.MaxUint16), int64(-1), uint16(0))
	f.Fuzz(func(t *testing.T, timestamp, ingested int64, request uint64, index uint16, later int64, next uint16) {
		var p eventid.Printer
		id := event.ID{Timestamp: timestamp, Ingested: ingested, Request: request, Index: index}
		for range 3 {
			if got, want := string(p.Append(nil, id)), id.String(); got != want {
				t.Fatalf("%+v: %s, want %s", id, got, want)
			}
			id.Timestamp, id.Index = id.Timestamp+later, id.Index+next
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	var p eventid.Printer
	id := event.ID{Timestamp: 1_767_225_600_000, Ingested: 1_767_225_600_123, Request: 7}
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(1000, func() {
		id.Timestamp++
		dst = p.Append(dst[:0], id)
	}); n > 0 {
		t.Errorf("%v allocs an id", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	id := event.ID{Timestamp: 1_767_225_600_000, Ingested: 1_767_225_600_123, Request: 0x9e3779b97f4a7c15, Index: 9}
	var dst []byte
	var p eventid.Printer
	b.Run("event", func(b *testing.B) {
		for b.Loop() {
			id.Timestamp++
			dst = id.AppendText(dst[:0])
		}
	})
	b.Run("later", func(b *testing.B) {
		for b.Loop() {
			id.Timestamp++
			dst = p.Append(dst[:0], id)
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			id.Index++
			dst = p.Append(dst[:0], id)
		}
	})
}
