package httpingest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/ingest/httpingest"
	"sluice/internal/clock"
	"sluice/internal/event"
)

// breaking is an appender that fails once, instead of its n-th batch.
type breaking struct {
	httpingest.Appender
	n int
}

func (b *breaking) Append(ctx context.Context, batch event.Batch) (event.Position, error) {
	if b.n--; b.n == 0 {
		return event.Position{}, errors.New("the disk is gone for a moment")
	}
	return b.Appender.Append(ctx, batch)
}

// TestANamedCallIsStoredOnce: the same invocation id and body are one call, within
// ten minutes, and answered alike; without an id each is another.
func TestANamedCallIsStoredOnce(t *testing.T) {
	at := clock.NewTest(now)
	r := receive(t, func(c *httpingest.Config) { c.Clock = at })
	body := fmt.Sprintf("\"one\"\n{\"timestamp\":%d}\nnonsense\n", now.UnixMilli()-14*day)
	send := func(id string) string {
		t.Helper()
		w := r.post("/ingest/bulk", body, "Content-Type", ndjson, "amz-sdk-invocation-id", id)
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body)
		}
		r.balanced()
		return w.Body.String()
	}
	f := func(id string, stored, received, repeated int) {
		t.Helper()
		send(id)
		if total := r.store.Totals(); total.Events != uint64(stored) || r.received != received || r.repeated != repeated {
			t.Errorf("%s: %d stored, %d received, %d repeated", id, total.Events, r.received, r.repeated)
		}
	}
	f("a", 2, 3, 0)
	first := send("a")
	at.Advance(t.Context(), time.Minute) // the second event is too old by now
	if again := send("a"); again != first {
		t.Errorf("answer %s, first one %s", again, first)
	}
	f("a", 2, 3, 6)
	f("b", 3, 6, 6)
	f("", 4, 9, 6)
	f("", 5, 12, 6)
	if n := r.seen.Len(); n != 2 {
		t.Errorf("%d requests are remembered, two have names", n)
	}
	at.Advance(t.Context(), 11*time.Minute)
	f("a", 6, 15, 6)
}

// TestAnAttemptGoesOnWhereTheFirstFailed: a body of several batches, of which one
// cannot be stored.
func TestAnAttemptGoesOnWhereTheFirstFailed(t *testing.T) {
	line := `"` + strings.Repeat("x", 500_000) + "\"\n"
	body := strings.Repeat(line, 14) + "nonsense\n"
	for failing := 1; failing <= 2; failing++ {
		r := receive(t, func(c *httpingest.Config) { c.Appender = &breaking{c.Appender, failing} })
		send := func() int {
			return r.post("/ingest/bulk", body, "Content-Type", ndjson, "amz-sdk-invocation-id", "id").Code
		}
		if code := send(); code != http.StatusServiceUnavailable {
			t.Errorf("answer %d", code)
		}
		r.balanced()
		for range 2 {
			if code := send(); code != http.StatusOK {
				t.Errorf("answer %d", code)
			}
			r.balanced()
			if total := r.store.Totals(); total.Events != 14 || total.Rejected.Sum() != 1 {
				t.Errorf("%d stored, rejected %+v", total.Events, total.Rejected)
			}
		}
	}
}
