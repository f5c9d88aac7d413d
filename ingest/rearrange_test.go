package ingest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sluice/ingest"
	"sluice/ingest/putlogevents"
	"sluice/internal/awsapi"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
)

const (
	maxBatch   = 1_048_576
	maxMessage = maxBatch - 26
)

// line is a message of n bytes that begins with a name.
func line(name string, n int) string { return name + strings.Repeat("x", n-len(name)) }

// tally counts what is refused for any reason.
type tally struct{ n uint64 }

func (t *tally) Reject(_ context.Context, _ uint64, r store.Rejected) error {
	t.n += r.Sum()
	return nil
}

// request is a body of messages at one time.
func request(messages ...string) string {
	var events []putlogevents.Event
	for _, m := range messages {
		events = append(events, putlogevents.Event{Timestamp: now.UnixMilli(), Message: []byte(m)})
	}
	return string(putlogevents.AppendRequest(nil, "h", "s", events...))
}

func TestOversize(t *testing.T) {
	f := func(cfg ingest.Config, messages []string, want string, stored ...string) {
		t.Helper()
		resized, received := 0, 0
		cfg.Resized = func(n int) { resized += n }
		cfg.Received = func(n int) { received += n }
		refused := &tally{}
		cfg.Rejections = refused
		r := receiveBy(t, cfg)
		a := r.Call("PutLogEvents", request(messages...))
		if want != "" {
			equal(t, a.String(), want)
			equal(t, len(r.events.Batches()), 0)
			equal(t, received, 0)
			return
		}
		if a.Status != 200 || bytes.Contains(a.Raw, []byte("rejected")) {
			t.Errorf("answer %s", a)
		}
		var got []string
		for _, b := range r.events.Batches() {
			for i := range b.Len() {
				got = append(got, string(b.Message(i)))
			}
		}
		if !slices.Equal(got, stored) {
			t.Errorf("stored %.40q of %d, want %.40q of %d", got, len(got), stored, len(stored))
		}
		over := 0
		for _, m := range messages {
			if len(m) > maxMessage {
				over++
			}
		}
		tooLarge := 0
		if cfg.Oversize == ingest.OversizeReject {
			tooLarge, over = over, 0
		}
		equal(t, resized, over)
		equal(t, refused.n, uint64(tooLarge))
		equal(t, received, len(stored)+tooLarge)
	}
	strict, alone := ingest.Config{}, ingest.Config{Lenient: true}
	truncate, split := ingest.Config{Oversize: ingest.OversizeTruncate}, ingest.Config{Oversize: ingest.OversizeSplit}
	long := line("long", 2*maxMessage+5)
	full := line("full", maxMessage)
	of := func(messages ...string) []string { return messages }
	f(strict, of("a", long, "b"), fmt.Sprintf("InvalidParameterException: Upload too large: %d bytes exceeds limit of %d", len(long)+2+3*26, maxBatch))
	f(alone, of("a", long, "b"), "", "a", "b")
	f(alone, of(long), "")
	f(truncate, of("a", long, "b"), "", "a", long[:maxMessage], "b")
	f(split, of("a", long, "b"), "", "a", long[:maxMessage], long[maxMessage:2*maxMessage], long[2*maxMessage:], "b")
	f(split, of("a", line("huge", 7_500_000), "b"), "", append(append(of("a"), pieces(line("huge", 7_500_000))...), "b")...)
	f(split, of(full), "", full)
	f(split, of(full+"x"), "", full, "x")
	f(split, of(long, long), "", append(pieces(long), pieces(long)...)...)
	// What is not over the limit keeps to the request's.
	f(truncate, of(full, "y"), fmt.Sprintf("InvalidParameterException: Upload too large: %d bytes exceeds limit of %d", maxBatch+27, maxBatch))
	f(split, of(full, long, "y"), fmt.Sprintf("InvalidParameterException: Upload too large: %d bytes exceeds limit of %d", maxBatch+27, maxBatch))
	f(ingest.Config{Oversize: ingest.OversizeSplit, Lenient: true}, of(full, "y", long), "", append(of(full, "y"), pieces(long)...)...)
	// No character is cut through.
	for shift := range 4 {
		wide := strings.Repeat("x", shift) + strings.Repeat("\U0001F600", maxMessage/4+1)
		cut := shift + (maxMessage-shift)/4*4
		f(truncate, of(wide), "", wide[:cut])
		f(split, of(wide), "", wide[:cut], wide[cut:])
	}
}

// pieces cuts ASCII text.
func pieces(text string) []string {
	var out []string
	for part := range slices.Chunk([]byte(text), maxMessage) {
		out = append(out, string(part))
	}
	return out
}

// TestOversizeAlone: with a policy for long events the other rules still hold.
func TestOversizeAlone(t *testing.T) {
	r := receiveBy(t, ingest.Config{Oversize: ingest.OversizeTruncate})
	f := func(first, second int64, want string) {
		t.Helper()
		a := r.Call("PutLogEvents", string(putlogevents.AppendRequest(nil, "h", "s",
			putlogevents.Event{Timestamp: now.UnixMilli() + first, Message: []byte(line("", maxMessage+1))},
			putlogevents.Event{Timestamp: now.UnixMilli() + second, Message: []byte("m")})))
		if !strings.Contains(a.String(), want) {
			t.Errorf("answer %s, want %s", a, want)
		}
	}
	f(0, -1, "Upload too large")
	f(-day-1, 0, "cannot span more than 24 hours")
	equal(t, len(r.events.Batches()), 0)
}

func TestLenient(t *testing.T) {
	f := func(group string, times []int64, rejected, stored string, n store.Rejected) {
		t.Helper()
		r := receiveBy(t, ingest.Config{Lenient: true})
		a := r.Call("PutLogEvents", body(group, times...))
		if a.Status != 200 {
			t.Errorf("%v: %s", times, a)
			return
		}
		_, tail, _ := strings.Cut(string(a.Raw), `"rejectedLogEventsInfo":`)
		equal(t, strings.TrimSuffix(tail, "}"), rejected)
		messages, counted := r.stored()
		equal(t, messages, stored)
		equal(t, counted, n)
	}
	at := func(times ...int64) []int64 { return times }
	f("h", at(0, -1), "", "1 0", store.Rejected{})
	f("h", at(5, 0, 5, 0), "", "1 3 0 2", store.Rejected{})
	f("h", at(-3*day, 0), "", "0 1", store.Rejected{})
	f("h", at(0, -3*day), "", "1 0", store.Rejected{})
	f("h", at(-14*day, 2*hour), "", "0 1", store.Rejected{})
	f("h", at(0, -14*day-1), `{"tooOldLogEventEndIndex":1}`, "0", store.Rejected{TooOld: 1})
	f("h", at(2*hour+1, 0), `{"tooNewLogEventStartIndex":1}`, "1", store.Rejected{TooNew: 1})
	f("h", at(0, -now.UnixMilli()), `{"tooOldLogEventEndIndex":1}`, "0", store.Rejected{TooOld: 1}) // 1970
	f("/shop/web", at(3*hour, 0, -20*day, -8*day, -1), `{"tooNewLogEventStartIndex":4,"tooOldLogEventEndIndex":1,"expiredLogEventEndIndex":2}`,
		"4 1", store.Rejected{TooOld: 1, Expired: 1, TooNew: 1})
}

// TestLenientParts: each part is a request that AWS would have taken.
func TestLenientParts(t *testing.T) {
	f := func(body string, sizes ...int) {
		t.Helper()
		r := receiveBy(t, ingest.Config{Lenient: true})
		r.Done("PutLogEvents", body, new(any))
		var got []int
		for _, b := range r.events.Batches() {
			got = append(got, b.Len())
		}
		equal(t, got, sizes)
	}
	f(body("h", make([]int64, 10_000)...), 10_000)
	f(body("h", make([]int64, 10_001)...), 10_000, 1)
	f(body("h", make([]int64, 25_000)...), 10_000, 10_000, 5_000)
	f(body("h", make([]int64, 65_535)...), 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 5_535)
	f(request(line("", 524_262), line("", 524_262), "m"), 2, 1)
	f(request("m", line("", maxMessage), "m"), 1, 1, 1)
	r := receiveBy(t, ingest.Config{Lenient: true})
	if a := r.Call("PutLogEvents", body("h", make([]int64, 65_536)...)); a.Code != "InvalidParameterException" {
		t.Error(a)
	}
	r.Refused("PutLogEvents", `{"logGroupName":"h","logStreamName":"s","logEvents":[]}`,
		"InvalidParameterException: 1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
}

// TestARetryOfARequestInPartsIsStoredOnce fails after each part in turn.
func TestARetryOfARequestInPartsIsStoredOnce(t *testing.T) {
	times := make([]int64, 25_000)
	for i := range times {
		times[i] = int64(-i)
	}
	times[0], times[1] = -15*day, 3*hour
	text := body("h", times...)
	for after := range 3 {
		s := newSenderBy(t, ingest.Config{Lenient: true})
		s.fail, s.after = errors.New("sync failed"), after
		if answer := s.put("AK", "id", text); answer[0] == '{' {
			t.Error(answer)
		}
		// The log holds a batch whose sync failed, as it may.
		equal(t, s.received, 10_000*after)
		s.fail = nil
		s.clock.Advance(t.Context(), time.Minute)
		first := s.put("AK", "id", text)
		if want := `"rejectedLogEventsInfo":{"tooNewLogEventStartIndex":24999,"tooOldLogEventEndIndex":1}`; !strings.Contains(first, want) {
			t.Errorf("answer %s, want %s", first, want)
		}
		equal(t, s.received, 25_000)
		equal(t, s.repeated, 10_000*after)
		failed := 10_000
		if after == 2 {
			failed = 4_999
		} else if after == 0 {
			failed = 9_999
		}
		s.stored(24_998 + failed)
		s.crash()
		s.clock.Advance(t.Context(), time.Minute)
		equal(t, s.put("AK", "id", text), first)
		s.stored(24_998 + failed)
		equal(t, s.log.Totals().Rejected, store.Rejected{TooOld: 1, TooNew: 1})
	}
}

// TestAnyRequestIsStoredInOrder compares with a model of one stable sort.
func TestAnyRequestIsStoredInOrder(test *testing.T) {
	policies := []ingest.Oversize{ingest.OversizeReject, ingest.OversizeTruncate, ingest.OversizeSplit}
	rapid.Check(test, func(t *rapid.T) {
		policy := ingest.Config{Lenient: true, Oversize: rapid.SampledFrom(policies).Draw(t, "oversize")}
		received, refused := 0, &tally{}
		policy.Received = func(n int) { received += n }
		policy.Rejections = refused
		r := receiveBy(test, policy)
		var events []putlogevents.Event
		for i := range rapid.IntRange(1, 12).Draw(t, "events") {
			n := rapid.SampledFrom([]int{10, 10, 10, 10, 10, 10, 10, 10, 400_000, maxMessage - 1, maxMessage, maxMessage + 1, 1_500_000, 2*maxMessage + 1}).Draw(t, "size")
			if i > 2 {
				n = 10
			}
			at := rapid.Int64Range(-16*day, day/6).Draw(t, "time")
			filler := rapid.SampledFrom([]string{"x", "\u00e9", "\u20ac", "\U0001F600"}).Draw(t, "filler")
			message := fmt.Sprint(i, " ", strings.Repeat(filler, n/len(filler)))
			events = append(events, putlogevents.Event{Timestamp: now.UnixMilli() + at, Message: []byte(message)})
		}
		request := &awsapi.Request{
			Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region},
			Body:   putlogevents.AppendRequest(nil, "/shop/web", "s", events...),
		}
		if err := r.op.Serve(context.Background(), request, new(awsapi.Reply)); err != nil {
			t.Fatal(err)
		}
		want, rejected := model(events, policy.Oversize)
		got, last := 0, event.ID{}
		for _, b := range r.events.Batches() {
			if b.Len() > 10_000 || b.MessageBytes()+26*b.Len() > maxBatch {
				t.Fatalf("a part of %d events and %d bytes", b.Len(), b.MessageBytes())
			}
			for i := range b.Len() {
				if got == len(want) || b.Timestamp(i) != want[got].Timestamp || !bytes.Equal(b.Message(i), want[got].Message) {
					t.Fatalf("event %d is not the model's: %d %.20q", got, b.Timestamp(i), b.Message(i))
				}
				if id := b.ID(i); got > 0 && compareIDs(last, id) >= 0 {
					t.Fatalf("the id of event %d is not after the one before", got)
				} else {
					last = id
				}
				got++
			}
		}
		if got != len(want) || refused.n != rejected || received != got+int(rejected) {
			t.Fatalf("%d stored of %d, rejected %d, want %d, received %d", got, len(want), refused.n, rejected, received)
		}
	})
}

func compareIDs(a, b event.ID) int {
	return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Ingested, b.Ingested), cmp.Compare(a.Request, b.Request), cmp.Compare(a.Index, b.Index))
}

// model is what is stored of events in a group that keeps them for a week.
func model(events []putlogevents.Event, o ingest.Oversize) (stored []putlogevents.Event, rejected uint64) {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b putlogevents.Event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	for _, e := range sorted {
		rest := e.Message
		if len(rest) > maxMessage && o == ingest.OversizeReject {
			rejected++
			continue
		}
		for first := true; len(rest) > 0 && (first || o == ingest.OversizeSplit); first = false {
			k := min(len(rest), maxMessage)
			for last, _ := utf8.DecodeLastRune(rest[:k]); last == utf8.RuneError; last, _ = utf8.DecodeLastRune(rest[:k]) {
				k--
			}
			if age := now.UnixMilli() - e.Timestamp; age > 7*day || age < -2*hour {
				rejected++
			} else {
				stored = append(stored, putlogevents.Event{Timestamp: e.Timestamp, Message: rest[:k]})
			}
			rest = rest[k:]
		}
	}
	return stored, rejected
}
