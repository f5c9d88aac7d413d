//go:build integration

package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The whole chain, driven by unmodified clients: create group, stream and
// delivery stream, put a subscription filter and log events; the matching lines,
// and only they, land in the bucket folder.

const boto3Script = `
import sys, time, boto3
endpoint = sys.argv[1]
def client(name):
    return boto3.client(name, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
logs, firehose = client("logs"), client("firehose")
logs.create_log_group(logGroupName="/boto3")
logs.create_log_stream(logGroupName="/boto3", logStreamName="one")
arn = firehose.create_delivery_stream(DeliveryStreamName="boto3", ExtendedS3DestinationConfiguration={
    "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::boto3", "Prefix": "logs/",
    "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}, "CompressionFormat": "GZIP",
    "ProcessingConfiguration": {"Enabled": True, "Processors": [
        {"Type": "Decompression", "Parameters": [{"ParameterName": "CompressionFormat", "ParameterValue": "GZIP"}]},
        {"Type": "CloudWatchLogProcessing", "Parameters": [{"ParameterName": "DataMessageExtraction", "ParameterValue": "true"}]}]},
})["DeliveryStreamARN"]
assert firehose.describe_delivery_stream(DeliveryStreamName="boto3")["DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE"
logs.put_subscription_filter(logGroupName="/boto3", filterName="f", filterPattern='{ $.level = "ERROR" }',
    destinationArn=arn, roleArn="arn:aws:iam::000000000000:role/r")
now = int(time.time() * 1000)
events = [{"timestamp": now, "message": '{"level":"%s","n":%d,"text":"caf\u00e9"}' % ("ERROR" if n % 3 == 0 else "INFO", n)} for n in range(30)]
answer = logs.put_log_events(logGroupName="/boto3", logStreamName="one", logEvents=events)
assert answer["nextSequenceToken"], answer
back = logs.get_log_events(logGroupName="/boto3", logStreamName="one", startFromHead=True)["events"]
assert [e["message"] for e in back] == [e["message"] for e in events], back
try:
    logs.put_log_events(logGroupName="/boto3", logStreamName="none", logEvents=events)
    raise SystemExit("an unknown stream was taken")
except logs.exceptions.ResourceNotFoundException as e:
    assert e.response["Error"]["Message"] == "The specified log stream does not exist.", e
`

// Reads the objects as a consumer would: Python's gzip.
const readScript = `
import sys, gzip, glob
for name in sorted(glob.glob(sys.argv[1] + "/logs/**/*.gz", recursive=True)):
    with gzip.open(name, "rt", encoding="utf-8") as f:
        sys.stdout.write(f.read())
`

func startIdle(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	if err := os.WriteFile(s.config, []byte("log_level: warn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() { s.end(syscall.SIGTERM) })
	return s
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %.200s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func requirePython(t *testing.T) {
	t.Helper()
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skip("python3 with boto3 is not here")
	}
}

// objects waits for the bucket's lines and returns them sorted.
func objects(t *testing.T, s *server, bucket string) []string {
	t.Helper()
	s.awaitDelivery(t)
	text := run(t, "python3", "-c", readScript, filepath.Join(s.data, "s3", bucket))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(lines)
	return lines
}

func TestBoto3DrivesTheChain(t *testing.T) {
	requirePython(t)
	s := startIdle(t)
	run(t, "python3", "-c", boto3Script, *s.url.Load())
	var want []string
	for n := 0; n < 30; n += 3 {
		want = append(want, fmt.Sprintf(`{"level":"ERROR","n":%d,"text":"café"}`, n))
	}
	slices.Sort(want)
	if got := objects(t, s, "boto3"); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestAWSCommandLineDrivesTheChain(t *testing.T) {
	requirePython(t) // it reads the objects
	commandLines(t, "put-log-events", driveByCommandLine)
}

// driveByCommandLine stands the clock still and moves it past the interval:
// command lines of before 2024 let nobody ask for less than 60 seconds.
func driveByCommandLine(t *testing.T, aws string) {
	began := time.Now()
	s := startConfigured(t, "log_level: warn\ntest_clock: "+began.UTC().Format(time.RFC3339)+"\n")
	f := func(args ...string) string {
		t.Helper()
		return run(t, aws, append([]string{"--endpoint-url", *s.url.Load(), "--output", "text"}, args...)...)
	}
	f("logs", "create-log-group", "--log-group-name", "/cli")
	f("logs", "create-log-stream", "--log-group-name", "/cli", "--log-stream-name", "one")
	arn := strings.TrimSpace(f("firehose", "create-delivery-stream", "--delivery-stream-name", "cli", "--query", "DeliveryStreamARN",
		"--extended-s3-destination-configuration", `{"RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::cli","Prefix":"logs/",
		"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":60},"CompressionFormat":"GZIP","ProcessingConfiguration":{"Enabled":true,"Processors":[
		{"Type":"Decompression","Parameters":[{"ParameterName":"CompressionFormat","ParameterValue":"GZIP"}]},
		{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"True"}]}]}}`))
	f("logs", "put-subscription-filter", "--log-group-name", "/cli", "--filter-name", "f", "--filter-pattern", "ERROR -debug",
		"--destination-arn", arn, "--role-arn", "arn:aws:iam::000000000000:role/r")
	now := began.UnixMilli()
	f("logs", "put-log-events", "--log-group-name", "/cli", "--log-stream-name", "one", "--log-events",
		fmt.Sprintf(`[{"timestamp":%d,"message":"ERROR one"},{"timestamp":%d,"message":"ERROR in debug"},{"timestamp":%d,"message":"fine"}]`, now, now, now))
	waitFor(t, "the match is selected", func() bool { return s.metric(t, "sluice_delivery_accepted_events_total") == 1 })
	resp, err := http.Post(s.admin+"/clock/advance?by=61s", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := objects(t, s, "cli"); !slices.Equal(got, []string{"ERROR one"}) {
		t.Errorf("%q", got)
	}
	if got := f("logs", "describe-subscription-filters", "--log-group-name", "/cli", "--query", "subscriptionFilters[0].filterPattern"); strings.TrimSpace(got) != "ERROR -debug" {
		t.Errorf("filter comes back as %q", got)
	}
}

// What the README promises of an idle server.
func TestIdleServerIsSmallAndReadyAtOnce(t *testing.T) {
	s := startIdle(t)
	s.end(syscall.SIGTERM)
	best := time.Hour
	for range 5 {
		began := time.Now()
		s.start()
		best = min(best, time.Since(began))
		s.end(syscall.SIGTERM)
	}
	s.start()
	rss := residentBytes(t, s.cmd.Process.Pid)
	t.Logf("ready in %v (best of five), %.1f MiB resident", best.Round(time.Millisecond), float64(rss)/(1<<20))
	if best > 200*time.Millisecond || rss > 40<<20 {
		t.Errorf("promised: 200 ms and 40 MiB")
	}
}

func residentBytes(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("resident size is read from /proc:", err)
	}
	for line := range strings.Lines(string(text)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Fatal("no VmRSS in /proc")
	return 0
}
