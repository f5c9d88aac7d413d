package ingest_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"sluice/ingest"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// sender is PutLogEvents over the real log, on a machine that can crash.
type sender struct {
	t                  *testing.T
	fs                 *vfs.Mem
	definitions        catalog.Store
	clock              *clock.Test
	log                *store.Store
	op                 awsapi.Operation
	received, repeated int
	policy             ingest.Config
	fail               error // of the next append, after it was done
	after              int   // appends that go well before one fails
	mu                 sync.Mutex
}

func newSender(t *testing.T) *sender { return newSenderBy(t, ingest.Config{}) }

func newSenderBy(t *testing.T, policy ingest.Config) *sender {
	s := &sender{t: t, fs: vfs.NewMem(), definitions: catalog.NewMemory(), clock: clock.NewTest(now), policy: policy}
	c, err := catalog.Open(s.definitions)
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLogStream(g.UID, "s", 1); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() { s.log.Close() })
	return s
}

func (s *sender) start() {
	s.t.Helper()
	var seen []*requests.Seen
	var err error
	s.log, err = store.Open(s.fs, store.Config{Dir: "/wal", Shards: 2, Folders: func(uint32) []wal.Folder {
		seen = append(seen, requests.NewSeen(0))
		return []wal.Folder{seen[len(seen)-1]}
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := catalog.Open(s.definitions)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg := s.policy
	cfg.Definitions, cfg.Appender, cfg.Rejections, cfg.Clock, cfg.Requests = c, s, s.log, s.clock, requests.NewWindow(seen...)
	cfg.Received = func(n int) { s.mu.Lock(); s.received += n; s.mu.Unlock() }
	cfg.Repeated = func(n int) { s.mu.Lock(); s.repeated += n; s.mu.Unlock() }
	api, err := ingest.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.op = api.Operations()[0]
}

// crash loses what was not synced.
func (s *sender) crash() {
	s.t.Helper()
	left := s.fs.CrashClone(vfs.CrashOptions{})
	if err := s.log.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.fs = left
	s.start()
}

func (s *sender) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	at, err := s.log.Append(ctx, b)
	if s.after--; s.after >= 0 {
		return at, err
	}
	return at, errors.Join(err, s.fail)
}

func (s *sender) put(key, invocation, body string) string {
	s.t.Helper()
	r := &awsapi.Request{
		Caller: awsapi.Caller{Account: logsapitest.Account, Region: logsapitest.Region, AccessKey: key},
		Header: http.Header{}, Body: []byte(body),
	}
	if invocation != "" {
		r.Header.Set("amz-sdk-invocation-id", invocation)
	}
	var w awsapi.Reply
	if err := s.op.Serve(s.t.Context(), r, &w); err != nil {
		return err.Error()
	}
	return string(w.Body)
}

func (s *sender) stored(want int) {
	s.t.Helper()
	if got := s.log.Totals().Events; got != uint64(want) {
		s.t.Errorf("%d events are stored, want %d", got, want)
	}
}

func TestARetryIsStoredOnce(t *testing.T) {
	s := newSender(t)
	text := body("h", -15*day, 0, 1, 3*hour)
	first := s.put("AK", "id-1", text)
	s.stored(2)
	same := func(key, invocation, text string, want bool) {
		t.Helper()
		if got := s.put(key, invocation, text); (got == first) != want {
			t.Errorf("%s %s: answer %s, first one %s", key, invocation, got, first)
		}
	}
	same("AK", "id-1", text, true)
	s.stored(2)
	s.crash()
	same("AK", "id-1", text, true)
	s.clock.Advance(t.Context(), 10*time.Minute)
	same("AK", "id-1", text, true)
	s.stored(2)
	if s.received != 4 || s.repeated != 3*4 {
		t.Errorf("received %d, repeated %d", s.received, s.repeated)
	}
	same("AK", "id-2", text, false) // another call with the same events
	same("BK", "id-1", text, false)
	same("AK", "", text, false)
	same("AK", "", text, false)
	s.stored(2 + 4*2)
	same("AK", "id-1", body("h", 0), false)
	s.clock.Advance(t.Context(), time.Millisecond)
	same("AK", "id-1", text, false) // too late
	s.stored(2 + 4*2 + 1 + 2)
}

// TestAFailedAttemptIsNotTheRequest: the log may have taken events that it could
// not make durable, and its client was told so.
func TestAFailedAttemptIsNotTheRequest(t *testing.T) {
	s := newSender(t)
	s.fail = errors.New("sync failed")
	if answer := s.put("AK", "id", body("h", 0)); answer[0] == '{' {
		t.Error(answer)
	}
	s.fail = nil
	if answer := s.put("AK", "id", body("h", 0)); answer[0] != '{' {
		t.Error(answer)
	}
	s.stored(2)
}

func TestAttemptsAtOnceAreStoredOnce(t *testing.T) {
	s := newSender(t)
	answers := make(chan string, 8)
	for range cap(answers) {
		go func() { answers <- s.put("AK", "id", body("h", 0, 1)) }()
	}
	first := <-answers
	for range cap(answers) - 1 {
		equal(t, <-answers, first)
	}
	s.stored(2)
}
