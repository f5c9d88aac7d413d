//go:build integration

package app_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// caller sends AWS JSON requests as fast as it can, unsigned.
type caller struct {
	url    string
	client *http.Client
}

func newCaller(t *testing.T, url string, connections int) *caller {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{url: url, client: &http.Client{Transport: transport}}
}

func (c *caller) call(operation, body string) (string, error) {
	r, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	resp, err := c.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", operation, resp.StatusCode, text)
	}
	return string(text), err
}

// cpuSeconds is the processor time of a process so far.
func cpuSeconds(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("processor time is read from /proc:", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	var user, system float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return (user + system) / 100 // USER_HZ
}

// A hundred thousand log streams in ten thousand groups, an event in each: made
// over the API within a minute of two cores, held in less than 200 MiB, there again within two
// seconds of a start.
func TestHundredThousandStreams(t *testing.T) {
	const groups, streams, connections = 10_000, 10, 64
	s := startIdle(t)
	c := newCaller(t, *s.url.Load(), connections)
	began, now := time.Now(), time.Now().UnixMilli()
	var next atomic.Int64
	var work sync.WaitGroup
	for range connections {
		work.Go(func() {
			for g := next.Add(1) - 1; g < groups && !t.Failed(); g = next.Add(1) - 1 {
				if err := c.fill(fmt.Sprintf("/many/%05d", g), streams, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	took, cost := time.Since(began), cpuSeconds(t, s.pid)
	rss := residentBytes(t, s.pid)
	if n := s.metric(t, "sluice_ingest_stored_events_total"); n != groups*streams {
		t.Errorf("%v events are stored", n)
	}
	s.end(syscall.SIGTERM)

	restart := time.Hour
	for range 3 {
		began = time.Now()
		s.start()
		restart = min(restart, time.Since(began))
		s.end(syscall.SIGTERM)
	}
	s.start()
	again := residentBytes(t, s.pid)
	t.Logf("%d groups of %d streams, an event each: %v and %.1f CPU-s of the server to make, %d MiB resident; ready again in %v (best of three) with %d MiB",
		groups, streams, took.Round(time.Millisecond), cost, rss>>20, restart.Round(time.Millisecond), again>>20)
	// The minute is that of a machine that does nothing else: half of two cores.
	if cost > 60 || max(rss, again) > 200<<20 || restart > 2*time.Second {
		t.Error("want 60 CPU-s, 200 MiB and 2 s")
	}
	c = newCaller(t, *s.url.Load(), 1)
	f := func(group, stream string) {
		t.Helper()
		answer, err := c.call("GetLogEvents", fmt.Sprintf(`{"logGroupName":"%s","logStreamName":"%s","startFromHead":true}`, group, stream))
		if err != nil || !strings.Contains(answer, fmt.Sprintf(`"message":"the only event of %s %s"`, group, stream)) {
			t.Errorf("%s %s: %.300s %v", group, stream, answer, err)
		}
	}
	f("/many/00000", "s0")
	f("/many/04711", "s5")
	f("/many/09999", "s9")
}

// fill makes a group and its streams and puts an event into each.
func (c *caller) fill(group string, streams int, now int64) error {
	if _, err := c.call("CreateLogGroup", fmt.Sprintf(`{"logGroupName":"%s"}`, group)); err != nil {
		return err
	}
	for i := range streams {
		if _, err := c.call("CreateLogStream", fmt.Sprintf(`{"logGroupName":"%s","logStreamName":"s%d"}`, group, i)); err != nil {
			return err
		}
		body := fmt.Sprintf(`{"logGroupName":"%s","logStreamName":"s%d","logEvents":[{"timestamp":%d,"message":"the only event of %s s%d"}]}`, group, i, now, group, i)
		if _, err := c.call("PutLogEvents", body); err != nil {
			return err
		}
	}
	return nil
}

const pageScript = `
import sys, boto3
logs = boto3.client("logs", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
total = int(sys.argv[2])
before, during, last, pages = bytearray(total), set(), 0, 0
for page in logs.get_paginator("filter_log_events").paginate(logGroupName="/pages"):
    pages += 1
    for e in page["events"]:
        assert e["timestamp"] >= last, "out of order: %s" % e
        last = e["timestamp"]
        kind, n = e["message"].split()[:2]
        if kind == "before":
            assert not before[int(n)], "repeated: %s" % e
            before[int(n)] = 1
        else:
            assert n not in during, "repeated: %s" % e
            during.add(n)
missing = before.count(0)
assert missing == 0, "%d missing, the first is %d" % (missing, before.index(0))
print("%d pages: all of %d events stored before the first and %d of those stored meanwhile" % (pages, total, len(during)))
`

// boto3 pages through everything that was stored before its first page, nothing
// left out and nothing twice, while events of the same hour keep coming and
// segments are compacted. SLUICETEST_PAGED_EVENTS says through how many, 200,000
// unless set.
func TestPagesWhileIngestGoesOn(t *testing.T) {
	requirePython(t)
	total, err := strconv.Atoi(cmp.Or(os.Getenv("SLUICETEST_PAGED_EVENTS"), "200000"))
	if err != nil {
		t.Fatal(err)
	}
	s := startConfigured(t, "log_level: warn\nlog: {segment_bytes: 4194304}\n")
	c := newCaller(t, *s.url.Load(), 2)
	call := func(operation, body string) {
		t.Helper()
		if _, err := c.call(operation, body); err != nil {
			t.Error(err)
		}
	}
	call("CreateLogGroup", `{"logGroupName":"/pages"}`)
	const streams = 4
	for i := range streams {
		call("CreateLogStream", fmt.Sprintf(`{"logGroupName":"/pages","logStreamName":"s%d"}`, i))
	}
	began := time.Now()
	hour := began.Add(-time.Hour).UnixMilli()
	// put stores a batch whose events lie evenly over the hour.
	put := func(kind string, first, count int) {
		body := fmt.Appendf(nil, `{"logGroupName":"/pages","logStreamName":"s%d","logEvents":[`, first/count%streams)
		for n := range count {
			body = fmt.Appendf(body, `{"timestamp":%d,"message":"%s %d of the events of an hour"},`, hour+int64(n)*3_600_000/int64(count), kind, first+n)
		}
		call("PutLogEvents", string(body[:len(body)-1])+"]}")
	}
	const batch = 5000
	for first := 0; first < total; first += batch {
		put("before", first, min(batch, total-first))
	}

	more, stored := make(chan struct{}), make(chan int)
	go func() {
		const batch = 100
		for n := 0; ; n += batch {
			select {
			case <-more:
				stored <- n
				return
			default:
				put("during", n, batch)
			}
		}
	}()
	stop := sync.OnceValue(func() int {
		close(more)
		return <-stored
	})
	t.Cleanup(func() { stop() })
	text := run(t, "python3", "-c", pageScript, *s.url.Load(), strconv.Itoa(total))
	t.Logf("%s; %d events were stored meanwhile; %.1f CPU-s of the server in %v", strings.TrimSpace(text), stop(), cpuSeconds(t, s.pid), time.Since(began).Round(time.Second))
}
