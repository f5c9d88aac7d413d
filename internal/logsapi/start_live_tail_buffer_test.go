package logsapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/internal/event"
)

// TestTailBufferIsBounded adds far more than a session may hold, in events, in
// bytes and in seconds, and looks at what is kept after each batch.
func TestTailBufferIsBounded(t *testing.T) {
	began := time.UnixMilli(1767600000000)
	f := func(name string, seconds, perSecond, size int) {
		t.Helper()
		b := &tailBuffer{began: began}
		for n := range seconds {
			now := began.Add(time.Duration(n) * tailPeriod)
			for range perSecond {
				addOne(t, b, now, strings.Repeat("m", size))
				if len(b.updates) > maxTailUpdates || b.bytes > maxTailBytes {
					t.Fatalf("%s: %d updates and %d bytes are kept", name, len(b.updates), b.bytes)
				}
			}
		}
		most := 0
		for _, u := range b.take(began.Add(time.Duration(seconds) * tailPeriod)) {
			bytes := 0
			for _, e := range u.SessionResults {
				bytes += len(e.Message)
			}
			if len(u.SessionResults) > maxUpdateEvents || bytes > maxUpdateBytes {
				t.Errorf("%s: an update of %d events and %d bytes", name, len(u.SessionResults), bytes)
			}
			if len(u.SessionResults) < perSecond && !u.SessionMetadata.Sampled {
				t.Errorf("%s: %d events of %d and not sampled", name, len(u.SessionResults), perSecond)
			}
			most = max(most, len(u.SessionResults))
		}
		if most == 0 || b.bytes != 0 || len(b.updates) != 0 {
			t.Errorf("%s: most %d events; %d bytes in %d updates are left", name, most, b.bytes, len(b.updates))
		}
	}
	f("many", 2, 2000, 1)
	f("long", 30, 3, 1)
	f("large", 30, 20, 100_000)
	f("full", 30, 1, maxUpdateBytes)
}

func addOne(t *testing.T, b *tailBuffer, now time.Time, message string) {
	t.Helper()
	builder := event.GetBuilder(len(message) + 64)
	defer builder.Release()
	if err := builder.Append(1, []byte(message)); err != nil {
		t.Fatal(err)
	}
	batch, err := builder.Seal(event.Header{}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	b.add(now, batch, []uint32{0}, "group", "stream")
}

// TestTailBufferKeepsTheSecondUnderWay wants take to leave what may still grow,
// and to say once that something was dropped.
func TestTailBufferKeepsTheSecondUnderWay(t *testing.T) {
	began := time.UnixMilli(1767600000000)
	b := &tailBuffer{began: began}
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	f := func(ms int, want string) {
		t.Helper()
		var got []string
		for _, u := range b.take(at(ms)) {
			text := ""
			for _, e := range u.SessionResults {
				text += e.Message
			}
			got = append(got, fmt.Sprint(text, " ", u.SessionMetadata.Sampled))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("at %d: %s, want %s", ms, s, want)
		}
	}
	addOne(t, b, at(100), "a")
	addOne(t, b, at(1999), "b")
	f(999, " false")
	f(1000, "a false")
	f(1999, " false")
	f(2000, "b false")
	for n := range 12 {
		addOne(t, b, at(5000+1000*n), string(rune('a'+n)))
	}
	f(17_000, "c true, d false, e false, f false, g false, h false, i false, j false, k false, l false")
	f(18_000, " false")
}
