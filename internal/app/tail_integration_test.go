//go:build integration

package app_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Searching and following, by unmodified clients.

const tailScript = `
import sys, time, threading, boto3
from botocore.config import Config
endpoint = sys.argv[1]
def client(**options):
    return boto3.client("logs", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", **options)
logs = client()
logs.create_log_group(logGroupName="/tail")
arn = logs.describe_log_groups(logGroupNamePrefix="/tail")["logGroups"][0]["logGroupArn"]
for stream in ("web-1", "web-2", "db"):
    logs.create_log_stream(logGroupName="/tail", logStreamName=stream)
now = int(time.time() * 1000)
want = []
for i in range(300):
    stream = ("web-1", "web-2", "db")[i % 3]
    event = {"timestamp": now - 300 + i, "message": "%s %d" % ("ERROR" if i % 2 else "INFO", i)}
    logs.put_log_events(logGroupName="/tail", logStreamName=stream, logEvents=[event])
    want.append((stream, event["message"]))

def walk(**options):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/tail", **options)
    return [(e["logStreamName"], e["message"]) for p in pages for e in p["events"]]
assert walk() == want
assert walk(PaginationConfig={"PageSize": 7}) == want
assert walk(filterPattern="ERROR", logStreamNamePrefix="web") == [w for w in want if "ERROR" in w[1] and w[0] != "db"]
assert walk(logStreamNames=["db"], startTime=now - 150, endTime=now - 100) == [w for i, w in enumerate(want) if w[0] == "db" and 150 <= i <= 200]
try:
    logs.filter_log_events(logGroupName="/tail", filterPattern="{ $.a = }")
    raise SystemExit("a broken pattern was taken")
except logs.exceptions.InvalidParameterException as e:
    assert e.response["Error"]["Message"] == "Invalid filter pattern", e

# boto3 wants initial-response first; an IP takes no host prefix.
stream = client(config=Config(inject_host_prefix=False)).start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="live")["responseStream"]
sent, seen = 0, []
for event in stream:
    if "sessionStart" in event:
        assert event["sessionStart"]["logGroupIdentifiers"] == [arn], event
        threading.Timer(0, lambda: logs.put_log_events(logGroupName="/tail", logStreamName="db", logEvents=[
            {"timestamp": int(time.time() * 1000), "message": "live %d" % i} for i in range(3)])).start()
        continue
    seen += [r["message"] for r in event["sessionUpdate"]["sessionResults"]]
    if len(seen) >= 3:
        break
stream.close()
assert seen == ["live 0", "live 1", "live 2"], seen
`

func TestBoto3Tails(t *testing.T) {
	requirePython(t)
	s := startIdle(t)
	run(t, "python3", "-c", tailScript, *s.url.Load())
}

// commandLine finds an aws command that knows a subcommand of "aws logs".
func commandLine(t *testing.T, subcommand string) string {
	t.Helper()
	for _, candidate := range []string{"aws", "/usr/bin/aws"} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		cmd := exec.Command(path, "logs", subcommand, "help")
		cmd.Env = append(os.Environ(), "AWS_PAGER=", "PAGER=cat", "MANPAGER=cat")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "nvalid choice") {
			return path
		}
	}
	t.Skipf("no aws command line with logs %s is here", subcommand)
	return ""
}

// following starts an aws command line that goes on until it is ended, and hands
// out its lines.
func following(t *testing.T, aws string, args ...string) *bufio.Scanner {
	t.Helper()
	cmd := exec.Command(aws, args...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1", "PYTHONUNBUFFERED=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() }) // the lines end then
	t.Cleanup(func() {
		limit.Stop()
		cmd.Process.Kill()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// await reads lines until one contains a text.
func await(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	var seen []string
	for lines.Scan() {
		seen = append(seen, lines.Text())
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("no line with %q among\n%s", text, strings.Join(seen, "\n"))
}

// tailed is a server with group /cli and a way to put an event.
func tailed(t *testing.T, aws string) (endpoint []string, put func(message string)) {
	t.Helper()
	s := startIdle(t)
	endpoint = []string{"--endpoint-url", *s.url.Load(), "--output", "text"}
	f := func(args ...string) { run(t, aws, append(endpoint[:4:4], args...)...) }
	f("logs", "create-log-group", "--log-group-name", "/cli")
	f("logs", "create-log-stream", "--log-group-name", "/cli", "--log-stream-name", "one")
	return endpoint, func(message string) {
		t.Helper()
		f("logs", "put-log-events", "--log-group-name", "/cli", "--log-stream-name", "one",
			"--log-events", fmt.Sprintf("timestamp=%d,message=%s", time.Now().UnixMilli(), message))
	}
}

func TestAWSCommandLineFilters(t *testing.T) {
	aws := commandLine(t, "filter-log-events")
	endpoint, put := tailed(t, aws)
	put("first")
	put("second")
	got := run(t, aws, append(endpoint[:4:4], "logs", "filter-log-events", "--log-group-name", "/cli", "--filter-pattern", "?first ?second", "--query", "events[].message")...)
	if strings.Join(strings.Fields(got), " ") != "first second" {
		t.Errorf("%q", got)
	}
}

func TestAWSCommandLineFollows(t *testing.T) {
	aws := commandLine(t, "tail")
	endpoint, put := tailed(t, aws)
	put("first")
	lines := following(t, aws, append(endpoint[:2:2], "logs", "tail", "/cli", "--follow")...)
	await(t, lines, "first")
	put("second")
	await(t, lines, "second")
}

func TestAWSCommandLineTailsLive(t *testing.T) {
	aws := commandLine(t, "start-live-tail")
	endpoint, put := tailed(t, aws)
	t.Setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true") // there is no stream-127.0.0.1
	lines := following(t, aws, append(endpoint[:2:2], "logs", "start-live-tail",
		"--log-group-identifiers", "arn:aws:logs:us-east-1:000000000000:log-group:/cli")...)
	// It prints nothing when the session has begun: put until something shows.
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(500 * time.Millisecond):
				put(fmt.Sprint("live-", n))
			}
		}
	}()
	defer func() {
		close(done)
		<-ended
	}()
	await(t, lines, "live-")
}

// A live tail does not hold a stop up.
func TestStopEndsLiveTails(t *testing.T) {
	requirePython(t)
	s := startIdle(t)
	const script = `
import sys, boto3
from botocore.config import Config
logs = boto3.client("logs", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=Config(inject_host_prefix=False))
logs.create_log_group(logGroupName="/stop")
arn = logs.describe_log_groups(logGroupNamePrefix="/stop")["logGroups"][0]["logGroupArn"]
for event in logs.start_live_tail(logGroupIdentifiers=[arn])["responseStream"]:
    print(list(event)[0], flush=True)
print("ended", flush=True)
`
	lines := following(t, "python3", "-c", script, *s.url.Load())
	await(t, lines, "sessionStart")
	began := time.Now()
	s.url.Store(nil)
	var exit *exec.ExitError
	if err := s.running.end(syscall.SIGTERM); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	} else if err != nil {
		t.Errorf("stopped with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	await(t, lines, "ended")
	s.start() // for the end of the test, which ends it
}
