package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/bench/corpus"
	"sluice/filter/pattern"
	"sluice/ingest/putlogevents"
)

// load is a number of request bodies, each in two forms, that are sent over and
// over again.
type load struct {
	requests []request
	repeats  int
}

// request is one body.
type request struct {
	put, lines       []byte // as PutLogEvents, as NDJSON
	events, selected int    // selected: by errorPattern
	messages         int64  // bytes
}

// errorPattern keeps some three of a hundred events of the application logs.
const errorPattern = "ERROR"

// distinct bodies: more than the caches hold.
const distinct = 32

func newLoad(o Options) *load {
	l := &load{}
	g := corpus.New(o.Corpus, 1, time.Now())
	wanted, err := pattern.Compile(errorPattern)
	if err != nil {
		panic("bench: " + err.Error()) // a constant
	}
	var bytes int64
	for range min(distinct, int(o.Bytes/int64(o.BodyBytes))) {
		r := makeRequest(g, o.BodyBytes, wanted)
		bytes += r.messages
		l.requests = append(l.requests, r)
	}
	l.repeats = max(1, int(o.Bytes/bytes))
	return l
}

// makeRequest takes events until the body is as large as PutLogEvents counts it.
func makeRequest(g *corpus.Generator, size int, wanted *pattern.Pattern) (r request) {
	now := time.Now().UnixMilli()
	var events []putlogevents.Event
	for counted := 0; ; {
		message, _ := g.AppendEvent(nil)
		if counted += len(message) + 26; counted > size && len(events) > 0 {
			break
		}
		events = append(events, putlogevents.Event{Timestamp: now, Message: message})
		r.lines = append(append(r.lines, message...), '\n')
		r.messages += int64(len(message))
		if wanted.Match(message) {
			r.selected++
		}
	}
	r.events = len(events)
	r.put = putlogevents.AppendRequest(nil, logGroup, logStream, events...)
	return r
}

// sender sends requests and notes how long their answers took.
type sender struct {
	server    *server
	ingest    string
	client    *http.Client
	signer    *v4.Signer
	perSecond float64
	name      string // begins the invocation ids

	mu    sync.Mutex // guards took
	took  *hdrhistogram.Histogram
	first error
}

func newSender(s *server, ingest string, o Options) *sender {
	return &sender{
		server: s, ingest: ingest, signer: v4.NewSigner(), perSecond: o.PerSecond,
		name:   "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-",
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.Connections}, Timeout: time.Minute},
		took:   hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3),
	}
}

// run sends everything over a number of connections.
func (s *sender) run(ctx context.Context, l *load, connections int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.client.CloseIdleConnections()
	work := make(chan due)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for w := range work {
				if err := s.one(ctx, w); err != nil {
					s.fail(err)
					cancel()
				}
			}
		})
	}
	began := time.Now()
	for n := range l.repeats * len(l.requests) {
		w := due{request: &l.requests[n%len(l.requests)], number: n}
		if s.perSecond > 0 { // the plan, however far behind it we are
			w.at = began.Add(time.Duration(float64(n) / s.perSecond * float64(time.Second)))
			time.Sleep(time.Until(w.at))
		}
		select {
		case work <- w:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	return s.first
}

// due is a request and when it should have been sent.
type due struct {
	request *request
	number  int
	at      time.Time // zero: as soon as there is a connection
}

func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = err
	}
}

func (s *sender) one(ctx context.Context, w due) error {
	if ctx.Err() != nil {
		return nil
	}
	req, err := s.build(ctx, w)
	if err != nil {
		return err
	}
	began := w.at
	if began.IsZero() {
		began = time.Now()
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close() // only read
	took := time.Since(began)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s: %.300s", resp.Status, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took.RecordValue(max(1, took.Microseconds()))
}

func (s *sender) build(ctx context.Context, w due) (*http.Request, error) {
	if s.ingest == "bulk" {
		url := s.server.url + "/ingest/bulk?logGroup=" + logGroup + "&logStream=" + logStream
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(w.request.lines))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Authorization", "Bearer "+token)
		return req, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.url, bytes.NewReader(w.request.put))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	req.Header.Set("Amz-Sdk-Invocation-Id", s.name+strconv.Itoa(w.number)) // or the server would see repeats
	if s.ingest == "putlogevents-unsigned" {
		return req, nil
	}
	sum := sha256.Sum256(w.request.put)
	err = s.signer.SignHTTP(ctx, aws.Credentials{AccessKeyID: account, SecretAccessKey: secret}, req,
		hex.EncodeToString(sum[:]), "logs", "us-east-1", time.Now())
	return req, err
}

func (s *sender) latency() Latency {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	return Latency{
		P50: ms(s.took.ValueAtQuantile(50)), P99: ms(s.took.ValueAtQuantile(99)),
		P999: ms(s.took.ValueAtQuantile(99.9)), Max: ms(s.took.Max()),
	}
}
