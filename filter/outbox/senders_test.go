package outbox_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/filter/outbox"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/faultproxy"
)

// function is a webhook's other end: it keeps what it was handed, by record.
type function struct {
	mu    sync.Mutex
	calls map[string][]string // messages by X-Sluice-Record-Id
	order []string            // ids, each once
	times int
}

func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Awslogs struct{ Data string } }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	data, err2 := base64.StdEncoding.DecodeString(in.Awslogs.Data)
	if err := errors.Join(err, err2); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, fmt.Sprint(err), http.StatusTeapot)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times++
	id := r.Header.Get("X-Sluice-Record-Id")
	if _, again := f.calls[id]; !again {
		f.order = append(f.order, id)
	}
	f.calls[id] = messages(data)
}

func (f *function) messages() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.order {
		out = append(out, f.calls[id]...)
	}
	return out
}

func webhook(t *testing.T) (*function, *faultproxy.HTTP, *outbox.Webhook) {
	t.Helper()
	f := &function{calls: map[string][]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	proxy, err := faultproxy.ListenHTTP(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w, err := outbox.NewWebhook(outbox.WebhookConfig{URL: proxy.URL() + "/in", Header: http.Header{"Authorization": {"Bearer x"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return f, proxy, w
}

// TestWebhookThroughFaults breaks most requests and wants every event, each log
// stream in its order, and no record under two names.
func TestWebhookThroughFaults(t *testing.T) {
	f, proxy, w := webhook(t)
	faults := []faultproxy.Fault{
		faultproxy.ResetBefore(), faultproxy.ResetAfter(), faultproxy.Status(503, "x"), faultproxy.StatusAfter(500, "x"), faultproxy.Status(429, "x"),
		{}, {}, faultproxy.Status(307, "x"),
	}
	proxy.Play(func(r faultproxy.Request) faultproxy.Fault {
		if r.N < 100 {
			return faults[r.N%len(faults)]
		}
		return faultproxy.Fault{}
	})
	l := &log{state: outbox.NewState()}
	c := clock.NewTest(start)
	var want [3][]string
	for i := range 40 {
		stream := i % 3
		m := fmt.Sprint(stream, "-", i)
		want[stream] = append(want[stream], m)
		l.add(event.Parcel{Arrived: start.UnixMilli(), Deliveries: []event.Delivery{delivery(t, uint64(stream), 0, m)}})
	}
	room, err := outbox.New(outbox.Config{Clock: c, Source: l, Journal: l, States: []*outbox.State{l.state}})
	if err != nil {
		t.Fatal(err)
	}
	room.Add(outbox.Target{Name: "d", Route: route, Sender: w})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = room.Run(ctx) }()
	for range 200 {
		if err := c.Advance(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if l.state.Of(route).Position == 41 {
			break
		}
	}
	cancel()
	<-done
	if s := l.state.Of(route); s.Delivered != 40 || s.Failures == 0 {
		t.Errorf("%+v", s)
	}
	var got [3][]string
	for _, m := range f.messages() {
		got[m[0]-'0'] = append(got[m[0]-'0'], m)
	}
	same(t, got, want)
	same(t, len(f.order), 40)
	for _, r := range proxy.Seen() {
		same(t, r.Header.Get("Authorization"), "Bearer x")
	}
}

func TestWebhookAnswers(t *testing.T) {
	_, proxy, w := webhook(t)
	f := func(status int, refused, gone bool) {
		t.Helper()
		proxy.Play(faultproxy.Always(func(faultproxy.Request) bool { return true }, faultproxy.Status(status, "x")))
		r := &outbox.Record{Data: []byte("x")}
		err := w.Send(t.Context(), []*outbox.Record{r})
		var refusal *outbox.Refusal
		if errors.As(err, &refusal) != refused || (err == nil) != gone {
			t.Errorf("%d: %v", status, err)
		}
		if err := w.Probe(t.Context(), start); err == nil {
			t.Errorf("%d: the probe succeeds", status)
		}
	}
	f(500, false, false)
	f(503, false, false)
	f(429, false, false)
	f(400, false, false)
	f(302, false, false)
	f(401, true, false)
	f(403, true, false)
	f(404, true, false)
	f(410, true, false)
	f(413, false, true)
}

func TestProbeOfAWebhook(t *testing.T) {
	f, _, w := webhook(t)
	if err := w.Probe(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	same(t, f.messages(), []string{"CWL CONTROL MESSAGE: Checking health of destination Lambda."})
	for _, url := range []string{"", "ftp://x/", "http:", "%"} {
		if _, err := outbox.NewWebhook(outbox.WebhookConfig{URL: url}); err == nil {
			t.Errorf("a webhook to %q", url)
		}
	}
}

// stream is a Kinesis stream that fails some of the records of each request.
type stream struct {
	t        *testing.T
	fail     func(request, record int) string
	err      error
	requests int
	stored   map[string][]string // by partition key
	probes   int
}

func (s *stream) PutRecords(_ context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	s.requests++
	if s.err != nil {
		return nil, s.err
	}
	if len(in.Records) > 500 || aws.ToString(in.StreamARN) != "arn" {
		s.t.Error(len(in.Records), in.StreamARN)
	}
	out := &kinesis.PutRecordsOutput{}
	seen := map[string]bool{}
	size := 0
	for i, r := range in.Records {
		key := aws.ToString(r.PartitionKey)
		if seen[key] {
			s.t.Errorf("two records of key %s in one request", key)
		}
		seen[key] = true
		if size += len(r.Data) + len(key); size > 5<<20 || len(r.Data)+len(key) > 1<<20 {
			s.t.Errorf("a request of %d bytes, a record of %d", size, len(r.Data))
		}
		if s.fail != nil {
			if code := s.fail(s.requests, i); code != "" {
				out.Records = append(out.Records, types.PutRecordsResultEntry{ErrorCode: &code})
				continue
			}
		}
		s.stored[key] = append(s.stored[key], messages(r.Data)...)
		out.Records = append(out.Records, types.PutRecordsResultEntry{SequenceNumber: aws.String("1")})
	}
	return out, nil
}

// TestKinesisKeepsTheOrderOfEachKey fails a third of all records.
func TestKinesisKeepsTheOrderOfEachKey(t *testing.T) {
	s := &stream{t: t, stored: map[string][]string{}, fail: func(request, record int) string {
		if (request+record)%3 == 0 {
			return "ProvisionedThroughputExceededException"
		}
		return ""
	}}
	k := outbox.NewKinesis(s, "arn")
	l := &log{state: outbox.NewState()}
	b := &box{t: t, log: l, clock: clock.NewTest(start)}
	want := map[string][]string{}
	for i := range 60 {
		m := fmt.Sprint(i%4, "-", i)
		want[m[:1]] = append(want[m[:1]], m)
		l.add(event.Parcel{Arrived: start.UnixMilli(), Deliveries: []event.Delivery{delivery(t, uint64(i%4), 0, m)}})
	}
	room, err := outbox.New(outbox.Config{Clock: b.clock, Source: l, Journal: l, States: []*outbox.State{l.state}})
	if err != nil {
		t.Fatal(err)
	}
	room.Add(outbox.Target{Name: "d", Route: route, Sender: k})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = room.Run(ctx) }()
	for range 500 {
		b.advance(time.Minute)
		if l.state.Of(route).Position == 61 {
			break
		}
	}
	cancel()
	<-done
	got := map[string][]string{}
	for _, all := range s.stored {
		got[all[0][:1]] = all
	}
	same(t, got, want)
}

func TestKinesisLimitsAndErrors(t *testing.T) {
	s := &stream{t: t, stored: map[string][]string{}}
	k := outbox.NewKinesis(s, "arn")
	var records []*outbox.Record
	for i := range 1200 {
		records = append(records, &outbox.Record{Key: fmt.Sprint("k", i), Data: make([]byte, 1)})
	}
	records = append(records, &outbox.Record{Key: "large", Data: make([]byte, 1<<20)})
	for i := range 8 {
		records = append(records, &outbox.Record{Key: fmt.Sprint("m", i), Data: make([]byte, 900<<10)})
	}
	if err := k.Send(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if s.requests < 4 || len(s.stored) != 1208 || slices.Contains(s.stored["large"], "x") {
		t.Error(s.requests, len(s.stored))
	}
	f := func(err error, refused bool) {
		t.Helper()
		s.err = err
		got := k.Send(t.Context(), []*outbox.Record{{Key: "k", Data: []byte("x")}})
		var refusal *outbox.Refusal
		if got == nil || errors.As(got, &refusal) != refused {
			t.Error(got)
		}
	}
	f(&types.ResourceNotFoundException{}, true)
	f(&types.AccessDeniedException{}, true)
	f(&types.ProvisionedThroughputExceededException{}, false)
	f(errors.New("connection reset"), false)
	s.err = nil
	if err := k.Probe(t.Context(), start); err != nil {
		t.Error(err)
	}
	found := false
	for _, m := range s.stored {
		found = found || strings.HasSuffix(m[0], "destination Kinesis stream.")
	}
	if !found {
		t.Error("no test message")
	}
}
