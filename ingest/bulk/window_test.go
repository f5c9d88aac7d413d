package bulk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/ingest/bulk"
)

// TestLongBodies reads bodies of many windows, with lines of all sizes, and
// compares them with encoding/json.
func TestLongBodies(t *testing.T) {
	f := func(seed uint64, ending string, last bool) {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 0))
		var body []byte
		for len(body) < 400<<10 {
			switch n := r.IntN(2000); {
			case n < 5: // longer than a window
				body = fmt.Appendf(body, `{"long":"%s","timestamp":%d}`, strings.Repeat(`x\"y`, 10<<10+r.IntN(20<<10)), 1771007942000+n)
			case n < 100:
				body = append(body, `{"open":"never closed`...)
			case n < 200:
				body = fmt.Appendf(body, `{"a":"caf%c \u%04x","b":[1,{"c":null}]}`, 'é'+rune(n%2), n)
			case n < 250:
				body = append(body, `{"a":"\`...) // an escape that is cut off
			case n < 300:
				body = append(body, "\"a\\tstring\xff\""...)
			default:
				body = fmt.Appendf(body, `{"timestamp": %d, "message": "%s", "n": -%d.5}`, 1771007942000+n, strings.Repeat("z", n%300), n)
			}
			body = append(body, ending...)
		}
		if !last {
			body = bytes.TrimSuffix(body, []byte(ending))
		}
		want, skipped := linesOf(body)
		var in bulk.Reader
		n := 0
		for in.Reset(body, bulk.Lines); in.Next(); n++ {
			if n == len(want) || string(in.Message) != want[n].message {
				t.Fatalf("seed %d: event %d is %.80q", seed, n, in.Message)
			}
			if in.Timed != (want[n].stamp != nil) || in.Timed && fmt.Sprint(in.Timestamp) != string(want[n].stamp) {
				t.Fatalf("seed %d: event %d has time %v %d, want %s", seed, n, in.Timed, in.Timestamp, want[n].stamp)
			}
		}
		if n != len(want) || in.Skipped != skipped {
			t.Fatalf("seed %d: %d events, %d skipped; want %d and %d", seed, n, in.Skipped, len(want), skipped)
		}
	}
	for seed := range uint64(6) {
		f(seed, "\n", true)
		f(seed, "\r\n", false)
		f(seed, "\n", false)
	}
}
