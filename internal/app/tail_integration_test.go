//go:build integration

package app_test

import (
	"bufio"
	"errors"
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
