package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/cmd/sluice/internal/logstest"
	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/app"
)

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f := func(text string, ago time.Duration) {
		t.Helper()
		at, err := sinceTime(text, now)
		if err != nil || !at.Equal(now.Add(-ago)) {
			t.Errorf("%s: %v, %v", text, at, err)
		}
	}
	f("0s", 0)
	f("90s", 90*time.Second)
	f("1h30m", 90*time.Minute)
	f("2d", 48*time.Hour)
	f("1w", 7*24*time.Hour)
	f("2026-11-22T11:00:00Z", time.Hour)
	f("2026-11-22T12:00:00+02:00", 2*time.Hour)
	for _, text := range []string{"", "d", "-1h", "-1d", "1y", "1.5d", "99999999d", "yesterday", "2026-11-22"} {
		if at, err := sinceTime(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}

func TestEventPrinter(t *testing.T) {
	e := types.FilteredLogEvent{Timestamp: aws.Int64(1767323045001), LogStreamName: aws.String("s"), Message: aws.String("a\x1b[2J\tb\n")}
	f := func(color, guard bool, want string) {
		t.Helper()
		var out strings.Builder
		p := &eventPrinter{w: bufio.NewWriter(&out), color: color, guard: guard}
		if err := p.print(e); err != nil {
			t.Fatal(err)
		}
		if p.flush(); out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
	f(false, false, "2026-01-02T03:04:05.001Z s a\x1b[2J\tb\n")
	f(false, true, "2026-01-02T03:04:05.001Z s a\uFFFD[2J\tb\n")
	f(true, true, "\x1b[32m2026-01-02T03:04:05.001Z\x1b[0m \x1b[36ms\x1b[0m a\uFFFD[2J\tb\n")
}

// TestTailAdvances wants a pass to begin so far back that late events are seen,
// and to forget what lies before it.
func TestTailAdvances(t *testing.T) {
	x := &tailer{since: 1000, seen: map[string]int64{"a": 2000, "b": 96_000, "c": 200_000}}
	f := func(newest, now, since int64, seen int) {
		t.Helper()
		x.newest = newest
		if x.advance(now); x.since != since || len(x.seen) != seen {
			t.Errorf("since %d with %d seen, want %d with %d", x.since, len(x.seen), since, seen)
		}
	}
	f(2000, 100_000, 1000, 3)
	f(100_000, 100_000, 95_000, 2)
	f(200_000, 101_000, 96_000, 2) // an event of the future
	f(200_000, 102_000, 97_000, 1)
	f(0, 0, 97_000, 1)
}

// serveApp serves a whole sluice over HTTP.
func serveApp(t *testing.T) (url string) {
	t.Helper()
	a, err := app.New(app.Config{DataDir: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// TestTailFollows follows a group of a real sluice, in which two streams are
// written to.
func TestTailFollows(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	url := serveApp(t)
	client, _, err := ship.NewClient(t.Context(), url, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := ship.Create(t.Context(), client, "/g", []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	put := func(stream string, ago time.Duration, message string) {
		t.Helper()
		_, err := client.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: aws.String("/g"), LogStreamName: &stream,
			LogEvents: []types.InputLogEvent{{Timestamp: aws.Int64(time.Now().Add(-ago).UnixMilli()), Message: &message}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("one", time.Hour, "ERROR too early")
	put("one", time.Minute, "ERROR 1")
	put("two", time.Minute, "INFO")

	command := &tailCommand{Group: "/g", Pattern: "ERROR", Follow: true, Output: "text"}
	next, stop := follow(t, command, client, io.Discard)
	next("one ERROR 1")
	for n := range 3 { // each is asked for again, and printed once
		put("two", 0, fmt.Sprint("ERROR new ", n))
		next(fmt.Sprint("two ERROR new ", n))
		put("one", 2*time.Second, fmt.Sprint("ERROR late ", n))
		next(fmt.Sprint("one ERROR late ", n))
	}
	if err := command.verdict(stop(), url); err != nil {
		t.Errorf("interrupted, it ended with %v", err)
	}
}

// follow runs a command that follows from ten minutes ago. next wants the next
// line to end with a text, stop interrupts and wants no more lines.
func follow(t *testing.T, c *tailCommand, client *cloudwatchlogs.Client, stderr io.Writer) (next func(string), stop func() error) {
	read, write := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	tailer := c.tailer(&process{stdout: write, stderr: stderr}, client, time.Now().Add(-10*time.Minute))
	tailer.pause = time.Millisecond
	ended := make(chan error, 1)
	go func() {
		ended <- tailer.follow(ctx)
		write.Close()
	}()
	lines := bufio.NewScanner(read)
	next = func(want string) {
		t.Helper()
		if !lines.Scan() || !strings.HasSuffix(lines.Text(), want) {
			t.Errorf("%q, want %q at its end", lines.Text(), want)
		}
	}
	stop = sync.OnceValue(func() error {
		interrupt()
		for lines.Scan() {
			t.Errorf("one more line: %s", lines.Text())
		}
		return <-ended
	})
	t.Cleanup(func() { stop() })
	return next, stop
}

// TestTailWaitsForTheService follows over a time in which every request fails,
// and wants to be told once.
func TestTailWaitsForTheService(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	logs := &logstest.Server{}
	asked := make(chan struct{})
	var away atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			w.Header().Set("X-Amzn-Errortype", "ServiceUnavailableException")
			w.WriteHeader(503)
			asked <- struct{}{}
			return
		}
		logs.ServeHTTP(w, r)
	}))
	defer server.Close()
	client, _, err := ship.NewClient(t.Context(), server.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := ship.Create(t.Context(), client, "/g", []string{"s"}); err != nil {
		t.Fatal(err)
	}
	put := func(message string) {
		t.Helper()
		_, err := client.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: aws.String("/g"), LogStreamName: aws.String("s"),
			LogEvents: []types.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: &message}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("before")
	var said strings.Builder // by the follower, read after its end
	next, stop := follow(t, &tailCommand{Group: "/g", Follow: true, Output: "text"}, client, &said)
	next("s before")
	away.Store(true)
	for range 3 {
		<-asked
	}
	away.Store(false)
	drained := make(chan struct{})
	go func() { // one more may be on its way
		for {
			select {
			case <-asked:
			case <-drained:
				return
			}
		}
	}()
	put("after")
	next("s after")
	close(drained)
	stop()
	if n := strings.Count(said.String(), "asking again\n"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
}

// TestTailOfManyPages reads more than one page of a real sluice, by ARN.
func TestTailOfManyPages(t *testing.T) {
	url := serveApp(t)
	client, _, err := ship.NewClient(t.Context(), url, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := ship.Create(t.Context(), client, "/g", []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	const batches, perBatch = 3, 5_000
	for n := range batches {
		var events []types.InputLogEvent
		for i := range perBatch {
			events = append(events, types.InputLogEvent{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String(fmt.Sprint(n*perBatch + i))})
		}
		stream := []string{"one", "two"}[n%2]
		if _, err := client.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/g"), LogStreamName: &stream, LogEvents: events}); err != nil {
			t.Fatal(err)
		}
	}
	var out, failure strings.Builder
	code := run([]string{"tail", "arn:aws:logs:us-east-1:000000000000:log-group:/g:*", "--endpoint-url", url}, &process{stdout: &out, stderr: &failure})
	seen := make(map[string]bool)
	for line := range strings.Lines(out.String()) {
		seen[line[strings.LastIndexByte(line, ' '):]] = true
	}
	if n := strings.Count(out.String(), "\n"); code != 0 || n != batches*perBatch || len(seen) != n {
		t.Errorf("exit code %d, %d lines, %d different ones: %s", code, n, len(seen), failure.String())
	}
}
