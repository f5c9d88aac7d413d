package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// TestOverloadIsRefused sends many large requests at once: each gets an answer
// that a client knows how to take, and memory stays within a few times the budget
// for bodies, however many there are.
func TestOverloadIsRefused(t *testing.T) {
	const budget = 32 << 20
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) { c.HTTP.MaxInFlightBytes = budget })
	data, _ := p.app.Addrs()
	large := largeBody(t, 8<<20-1000)
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	defer transport.CloseIdleConnections()
	send := func(body []byte) (int, string) {
		r, err := http.NewRequest(http.MethodPost, "http://"+data, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err.Error() // refused before the body was sent
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(text)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	heap := watchHeap()
	var mu sync.Mutex
	answers := map[string]int{}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 3 {
				status, text := send(large)
				kind := "other: " + text
				switch {
				case status == http.StatusBadRequest && strings.Contains(text, "Upload too large"):
					kind = "read"
				case status == http.StatusServiceUnavailable && strings.Contains(text, "ServiceUnavailableException"):
					kind = "refused"
				case status == 0:
					kind = "cut off"
				}
				mu.Lock()
				answers[kind]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	grown := heap()
	for kind := range answers {
		if strings.HasPrefix(kind, "other") {
			t.Errorf("answer %.200s", kind)
		}
	}
	if answers["read"] == 0 || answers["refused"] == 0 {
		t.Errorf("answers %v", answers)
	}
	t.Logf("%v, heap grew by %d MiB at most", answers, grown>>20)
	if grown > 5*budget {
		t.Errorf("the heap grew by %d MiB with %d MiB for bodies", grown>>20, budget>>20)
	}
	if status, text := send([]byte(fmt.Sprintf(`{"logGroupName":%q,"logStreamName":"s0","logEvents":[{"timestamp":%d,"message":"m"}]}`, group, time.Now().UnixMilli()))); status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, text)
	}
}

// largeBody is a request of about n bytes that is decoded whole and then refused.
func largeBody(t *testing.T, n int) []byte {
	var events []map[string]any
	for size := 0; size < n-2_000; size += 1_100 {
		events = append(events, map[string]any{"timestamp": time.Now().UnixMilli(), "message": strings.Repeat("x", 1_000)})
	}
	body, err := json.Marshal(map[string]any{"logGroupName": group, "logStreamName": "s0", "logEvents": events})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// watchHeap watches live and dead objects until its result is called, which tells
// by how many bytes they grew at most.
func watchHeap() (stop func() uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := read()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for {
			most = max(most, read())
			select {
			case <-tick.C:
			case <-done:
				peak <- most - before
				return
			}
		}
	}()
	return func() uint64 {
		close(done)
		return <-peak
	}
}
