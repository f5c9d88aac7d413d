package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sluice/internal/app"
)

// TestExportScripts runs testdata/export, each script with a whole sluice at
// $AWS_ENDPOINT_URL whose buckets are in $BUCKETS.
func TestExportScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/export",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			url, stop, err := runApp(filepath.Join(env.WorkDir, "data"))
			env.Defer(stop)
			env.Setenv("AWS_ENDPOINT_URL", url)
			env.Setenv("BUCKETS", filepath.Join(env.WorkDir, "data", "s3"))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"let":   let,
		},
	})
}

// let NAME FILE sets a variable to what a file, or stdout, holds.
func let(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: let NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func runApp(data string) (url string, stop func(), err error) {
	ready, announced := io.Pipe()
	a, err := app.New(app.Config{DataDir: data, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Ready: announced})
	if err != nil {
		return "", func() {}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		announced.CloseWithError(a.Run(ctx))
	}()
	if _, err := ready.Read(make([]byte, 1000)); err != nil {
		cancel()
		return "", func() {}, err
	}
	listen, _ := a.Addrs()
	return "http://" + listen, func() { cancel(); <-ended }, nil
}

func TestExportLine(t *testing.T) {
	f := func(p *exportProgress, elapsed time.Duration, want string) {
		t.Helper()
		task := &exportTask{SluiceProgress: p}
		task.Status.Code = "RUNNING"
		if got := exportLine(task, 1e9, elapsed); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	f(nil, time.Hour, "RUNNING")
	p := exportProgress{LogStreams: 10, LogStreamsDone: 2, Objects: 3, Events: 7, Bytes: 3e9, ExportableBytes: 12e9}
	f(&p, time.Millisecond, "RUNNING 25%, 7 events, 3.00 GB in 3 objects")
	f(&p, 20*time.Second, "RUNNING 25%, 7 events, 3.00 GB in 3 objects, 100.0 MB/s, about 1m30s left")
	p.LogStreamsDone = 5 // half of the streams are done: of the bytes the other half is not wanted
	f(&p, 20*time.Second, "RUNNING 50%, 7 events, 3.00 GB in 3 objects, 100.0 MB/s, about 30s left")
	p.Waiting = "put a\x1b: disk full"
	f(&p, time.Millisecond, "RUNNING 50%, 7 events, 3.00 GB in 3 objects, waiting: put a\uFFFD: disk full")
	if got := exportBar(&p); got != "[############............]" {
		t.Error(got)
	}
}

func TestExportInstant(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	f := func(text string, want int64) {
		t.Helper()
		if got, err := exportInstant("from", text, now); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	f("0", 0)
	f("1700000000123", 1_700_000_000_123)
	f("0s", now.UnixMilli())
	f("1h", now.UnixMilli()-3_600_000)
	f("4000w", 0)
	f("2026-01-02T03:04:05Z", 1_767_323_045_000)
	if _, err := exportInstant("to", "soon", now); err == nil || !strings.HasPrefix(err.Error(), `--to is "soon": give`) {
		t.Error(err)
	}
}

// exportFake answers export operations by a script, as AWS would: without
// anything of sluice's own.
type exportFake struct {
	answers []string // of DescribeExportTasks, the last one again and again; "503" and the like are errors
	asked   atomic.Int64
}

func (f *exportFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		http.Error(w, `{"__type":"MissingAuthenticationTokenException"}`, 400)
		return
	}
	switch r.Header.Get("X-Amz-Target") {
	case "Logs_20140328.CreateExportTask":
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "SluiceOptions") {
			http.Error(w, `{"__type":"SerializationException"}`, 400)
			return
		}
		io.WriteString(w, `{"taskId":"t"}`)
	case "Logs_20140328.DescribeExportTasks":
		n := int(f.asked.Add(1)) - 1
		state := f.answers[min(n, len(f.answers)-1)]
		switch {
		case state == "503":
			http.Error(w, "<html>", http.StatusServiceUnavailable)
		case state == "ThrottlingException":
			http.Error(w, `{"__type":"ThrottlingException","message":"Rate exceeded"}`, 400)
		default:
			io.WriteString(w, `{"exportTasks":[{"taskId":"t","status":{"code":"`+state+`","message":"m"},"executionInfo":{"creationTime":1}}]}`)
		}
	default:
		http.Error(w, `{"__type":"UnknownOperationException"}`, 400)
	}
}

// TestExportWaits follows a task of another service through its troubles.
func TestExportWaits(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	f := func(code int, timeout time.Duration, told string, answers ...string) {
		t.Helper()
		server := httptest.NewServer(&exportFake{answers: answers})
		defer server.Close()
		client, err := newExportClient(t.Context(), server.URL)
		if err != nil {
			t.Fatal(err)
		}
		client.pause = time.Microsecond
		var stderr strings.Builder
		x := &exporter{client: client, stdout: io.Discard, stderr: &stderr, poll: time.Microsecond, lines: time.Hour}
		err = exportVerdict(x.wait(t.Context(), "t", timeout), server.URL)
		p := &process{stderr: &stderr}
		if got := p.report(err); got != code || !strings.Contains(stderr.String(), told) {
			t.Errorf("%v: exit code %d, want %d: %s", answers, got, code, stderr.String())
		}
	}
	f(exitDone, 0, "", "PENDING", "RUNNING", "COMPLETED")
	f(exitDone, 0, "", "ThrottlingException", "503", "COMPLETED")
	f(exitDone, 0, "asking again: 503 Service Unavailable", "503", "503", "503", "503", "503", "RUNNING", "COMPLETED")
	f(exitFailed, 0, "task t failed: m", "FAILED")
	f(exitRefused, 0, "task t was cancelled", "PENDING_CANCEL", "CANCELLED")
	f(exitTimeout, 20*time.Millisecond, "has not ended within 20ms; it goes on", "RUNNING")
	f(exitTimeout, 20*time.Millisecond, "has not ended", "503")
}

// TestExportAgainstAWS sends nothing of sluice's own unless it is asked for.
func TestExportAgainstAWS(t *testing.T) {
	server := httptest.NewServer(&exportFake{answers: []string{"COMPLETED"}})
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	f := func(code int, stdout, stderr string, args ...string) {
		t.Helper()
		var out, told strings.Builder
		p := &process{stdin: os.Stdin, stdout: &out, stderr: &told}
		if got := run(append([]string{"export"}, args...), p); got != code || out.String() != stdout || !strings.Contains(told.String(), stderr) {
			t.Errorf("%v: exit code %d, want %d\n%s%s", args, got, code, out.String(), told.String())
		}
	}
	f(exitDone, "t\n", "", "create", "/g", "bucket")
	f(exitDone, `{"taskId":"t","status":{"code":"COMPLETED","message":"m"},"executionInfo":{"creationTime":1}}`+"\n", "", "create", "/g", "bucket", "--wait", "-o", "json")
	f(exitFailed, "", "SerializationException", "create", "/g", "bucket", "--format", "ndjson")
	f(exitFailed, "", "does not know ResumeExportTask, which is sluice's own", "resume", "t")
}
