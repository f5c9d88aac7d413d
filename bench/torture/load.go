package torture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"sluice/bench/corpus"
	"sluice/ingest/putlogevents"
)

// answers counts what became of requests, by HTTP status; "none" is no answer.
type answers struct {
	mu     sync.Mutex
	counts map[string]int64
	last   time.Time // of the last acknowledgement
}

func (a *answers) add(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[what]++
	if what == "200" {
		a.last = time.Now()
	}
}

func (a *answers) lastAck() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

func (a *answers) of(what string) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts[what]
}

// write sends batches until ctx ends, each of them once.
func write(ctx context.Context, s *server, writer int, account *account, out *answers, o Options) {
	rng := rand.New(rand.NewPCG(o.Seed, uint64(writer)+100))
	events := corpus.New(corpus.App, o.Seed+uint64(writer), time.Now())
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	stream := "s" + strconv.Itoa(writer)
	made := ""
	for ctx.Err() == nil {
		url := s.address()
		if url == "" {
			pause(ctx, 5*time.Millisecond) // it is being started
			continue
		}
		if made != url { // a new process; the stream is there but the first time
			body := fmt.Sprintf(`{"logGroupName":%q,"logStreamName":%q}`, logGroup, stream)
			if post(ctx, client, url, "CreateLogStream", []byte(body)) == "none" {
				continue
			}
			made = url
		}
		count := 1 + rng.IntN(400)
		first := account.send(count)
		what := post(ctx, client, url, "PutLogEvents", batch(s, events, stream, writer, first, count))
		if what == "200" {
			account.ack(first, count)
		}
		out.add(what)
		pause(ctx, o.pace(count))
	}
}

// batch is the request of events first to first+count-1.
func batch(s *server, events *corpus.Generator, stream string, writer, first, count int) []byte {
	now := s.instant().UnixMilli()
	all := make([]putlogevents.Event, count)
	for i := range all {
		message, _ := events.AppendEvent(appendID(nil, writer, first+i))
		all[i] = putlogevents.Event{Timestamp: now, Message: message}
	}
	return putlogevents.AppendRequest(nil, logGroup, stream, all...)
}

// post makes one request and tells how it was answered.
func post(ctx context.Context, client *http.Client, url, operation string, body []byte) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "none"
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	resp, err := client.Do(req)
	if err != nil {
		return "none"
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "none" // the status alone is not the answer
	}
	if resp.StatusCode == http.StatusOK && bytes.Contains(text, []byte("rejectedLogEventsInfo")) {
		return "rejected" // this load sends nothing that may be
	}
	return strconv.Itoa(resp.StatusCode)
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
