package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"sluice/ingest/putlogevents"
)

// sender sends requests and notes how long their answers took.
type sender struct {
	deliver   func(ctx context.Context, n int, r *request) error
	perSecond float64
	sleep     func(until time.Time) // with perSecond

	mu    sync.Mutex // guards what follows
	took  *timings   // nil: nobody wants to know
	first error
}

// timings are of requests, in microseconds.
type timings struct {
	ack *hdrhistogram.Histogram
	// late is how long after a request was due its sending began: what this process,
	// not the server, adds to ack, unless all connections wait for answers.
	late *hdrhistogram.Histogram
}

func newTimings() *timings { return &timings{newHistogram(), newHistogram()} }

// send sends a load over a number of connections: with a rate when it is due,
// else when the request before it is answered.
func (sc *scene) send(ctx context.Context, s *server, o Options, l *load, connections int, perSecond float64, took *timings) error {
	out := &sender{perSecond: perSecond, sleep: sleepUntil, took: took}
	if sc.broker != nil {
		out.deliver = sc.broker.produce
	} else {
		c := newClient(sc, s, connections)
		defer c.http.CloseIdleConnections()
		out.deliver = c.post
	}
	return out.run(ctx, l, connections)
}

// due is a send and when it should have been sent.
type due struct {
	request *request
	number  int
	at      time.Time // zero: as soon as there is a connection
}

func (s *sender) run(ctx context.Context, l *load, connections int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
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
	for n := range l.sends {
		w := due{request: l.at(n), number: n}
		if s.perSecond > 0 { // the plan, however far behind it we are
			w.at = began.Add(time.Duration(float64(n) / s.perSecond * float64(time.Second)))
			s.sleep(w.at)
		}
		select {
		case work <- w:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	if s.first == nil {
		return ctx.Err()
	}
	return s.first
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
	began := time.Now()
	late := time.Duration(0)
	if !w.at.IsZero() {
		began, late = w.at, began.Sub(w.at)
	}
	if err := s.deliver(ctx, w.number, w.request); err != nil || s.took == nil {
		return err
	}
	took := time.Since(began)
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.took.late.RecordValue(late.Microseconds()), s.took.ack.RecordValue(max(1, took.Microseconds())))
}

// newHistogram is of microseconds, up to ten minutes.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
}

func latency(took *hdrhistogram.Histogram) Latency {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	return Latency{
		P50: ms(took.ValueAtQuantile(50)), P99: ms(took.ValueAtQuantile(99)),
		P999: ms(took.ValueAtQuantile(99.9)), Max: ms(took.Max()),
	}
}

// client sends over HTTP.
type client struct {
	scene *scene
	url   string
	http  *http.Client
	name  string   // begins the invocation ids
	tails []string // of the bodies of PutLogEvents, by log group
}

func newClient(sc *scene, s *server, connections int) *client {
	c := &client{
		scene: sc, url: s.url, name: "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-",
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: time.Minute},
	}
	for n := range sc.groups {
		c.tails = append(c.tails, putTail(group(n)))
	}
	return c
}

// putTail is what follows the last event in a body of PutLogEvents.
func putTail(group string) string {
	const head = `{"logEvents":[`
	return string(putlogevents.AppendRequest(nil, group, logStream)[len(head):])
}

// post sends a request, the n-th, and wants it to be durable.
func (c *client) post(ctx context.Context, n int, r *request) error {
	req, err := c.build(ctx, n, r)
	if err != nil {
		return err
	}
	return ask(c.http, req)
}

// ask wants a request to be taken.
func ask(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close() // only read
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s: %.300s", resp.Status, text)
	}
	return nil
}

func (c *client) build(ctx context.Context, n int, r *request) (*http.Request, error) {
	g := n % c.scene.groups
	switch c.scene.ingest {
	case "bulk":
		return c.bearer(ctx, "/ingest/bulk", "application/x-ndjson", g, r.lines)
	case "otlp":
		return c.bearer(ctx, "/v1/logs", "application/x-protobuf", g, r.records)
	}
	body, hash := r.put, r.putHash
	if g > 0 { // another name in it
		body = append(r.put[:len(r.put)-len(c.tails[0]):len(r.put)-len(c.tails[0])], c.tails[g]...)
		if c.scene.ingest == "putlogevents" {
			sum := sha256.Sum256(body)
			hash = hex.EncodeToString(sum[:])
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	req.Header.Set("Amz-Sdk-Invocation-Id", c.name+strconv.Itoa(n)) // or the server would see repeats
	if c.scene.ingest == "putlogevents-unsigned" {
		return req, nil
	}
	return req, sign(ctx, req, hash)
}

func (c *client) bearer(ctx context.Context, path, mediaType string, g int, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("X-Aws-Log-Group", group(g))
	req.Header.Set("X-Aws-Log-Stream", logStream)
	req.Header.Set("Authorization", "Bearer "+token)
	return req, nil
}
