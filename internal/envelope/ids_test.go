package envelope

import (
	"math/rand/v2"
	"testing"

	"sluice/internal/event"
)

// TestIDs compares with event.ID's own text: in a row, with gaps, backwards, and over
// changes of time.
func TestIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s ids
		id := event.ID{Timestamp: r.Int64N(1 << 42), Ingested: r.Int64N(1 << 42), Request: r.Uint64()}
		for range 300 {
			switch r.IntN(10) {
			case 0:
				id.Timestamp++
			case 1:
				id.Index = uint16(r.Uint32())
			case 2:
				id.Index += uint16(r.IntN(1000))
			case 3:
				id = event.ID{Index: id.Index} // fewer digits than the width
			default:
				id.Index++
			}
			if got, want := string(s.append(nil, id)), id.String(); got != want {
				t.Fatalf("%+v: %s, want %s", id, got, want)
			}
		}
	}
}
