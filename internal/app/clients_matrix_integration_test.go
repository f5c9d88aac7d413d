//go:build integration

package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// The clients that people have, unmodified, each against a server of its own that
// checks their signatures, through a recorder that proves that a healthy server
// is sent nothing twice. A client that is not installed is named and skipped.

const (
	matrixKey    = "AKIDMATRIX"
	matrixSecret = "matrix/secret+key"
	matrixToken  = "matrix-bearer-token-0123456789"
	matrixHost   = "logs.test"
	matrixConfig = "log_level: warn\n" +
		"credentials: [{access_key_id: " + matrixKey + ", secret_access_key: " + matrixSecret + "}]\n" +
		"bearer_tokens: [{token: " + matrixToken + "}]\n" +
		"http_ingest: {auto_create: true}\n" +
		"host_names: [" + matrixHost + ", stream-" + matrixHost + "]\n"
)

// startConfigured starts a server with a configuration of its own.
func startConfigured(t *testing.T, config string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() { s.end(syscall.SIGTERM) })
	return s
}

// matrix is a server behind a recorder.
type matrix struct {
	*recorder
	server *server
	logs   *cloudwatchlogs.Client // past the recorder
}

func startMatrix(t *testing.T) *matrix {
	t.Helper()
	s := startConfigured(t, matrixConfig)
	return &matrix{recorder: record(t, *s.url.Load()), server: s, logs: sdkClient(*s.url.Load(), nil)}
}

func sdkClient(url string, client cloudwatchlogs.HTTPClient) *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(matrixKey, matrixSecret, ""),
	})
}

// run runs a client to its end and gives what it printed.
func (m *matrix) run(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	cmd := m.command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %.200s: %v\n%.2000s%.4000s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// command is a client with the keys and the address that it needs, and with its
// own ideas of when to try again.
func (m *matrix) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+matrixKey, "AWS_SECRET_ACCESS_KEY="+matrixSecret, "AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+m.url, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "PYTHONUNBUFFERED=1",
		"AWS_DISABLE_HOST_PREFIX_INJECTION=true", // there is no stream-127.0.0.1
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="+m.url+"/v1/logs",
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS=Authorization=Bearer%20"+matrixToken+",x-aws-log-group=/otlp,x-aws-log-stream=one",
		"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=gzip",
	)
	return cmd
}

// stored reads a log stream from its start.
func (m *matrix) stored(t *testing.T, group, stream string) (messages []string) {
	t.Helper()
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &group, LogStreamName: &stream, StartFromHead: aws.Bool(true)}
	for {
		out, err := m.logs.GetLogEvents(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			messages = append(messages, *e.Message)
		}
		if in.NextToken != nil && *in.NextToken == *out.NextForwardToken {
			return messages
		}
		in.NextToken = out.NextForwardToken
	}
}

// holds wants a stream to hold these messages, in this order.
func (m *matrix) holds(t *testing.T, group, stream string, want []string) {
	t.Helper()
	got := m.stored(t, group, stream)
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%d events are stored, want %d; event %d is\n%.200q\nwant\n%.200q", len(got), len(want), i, got[i], want[i])
		}
	}
	t.Fatalf("%d events are stored, want %d", len(got), len(want))
}

// numberedLines are n different lines.
func numberedLines(n int) (lines []string) {
	for i := range n {
		level := "INFO"
		if i%10 == 0 {
			level = "ERROR"
		}
		lines = append(lines, fmt.Sprintf("%s line %d of many, café %s", level, i, strings.Repeat("x", i%97)))
	}
	return lines
}

func printed(lines string) []string {
	return strings.Split(strings.TrimSuffix(lines, "\n"), "\n")
}

// resolving makes every name lead to the recorder, as a DNS server would: an SDK
// puts "stream-" before the host when it tails live, which no IP address bears.
func (m *matrix) resolving(t *testing.T) (url string, client *http.Client) {
	t.Helper()
	address := strings.TrimPrefix(m.url, "http://")
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return "http://" + matrixHost, &http.Client{Transport: transport}
}

func TestClientGoSDK(t *testing.T) {
	m := startMatrix(t)
	c, ctx := sdkClient(m.resolving(t)), t.Context()
	group, stream := aws.String("/go"), aws.String("one")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}))
	must(c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	must(c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(30)}))
	_, err := c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group})
	if exists := (*types.ResourceAlreadyExistsException)(nil); !errors.As(err, &exists) {
		t.Errorf("a second group of the name: %v", err)
	}

	want := numberedLines(5000)
	for lines := range slices.Chunk(want, 500) {
		must(c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: inputEvents(lines)}))
	}
	var got []string
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, Limit: aws.Int32(77)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			got = append(got, *e.Message)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events come back, want %d", len(got), len(want))
	}

	groups, err := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := c.StartLiveTail(ctx, &cloudwatchlogs.StartLiveTailInput{
		LogGroupIdentifiers: []string{*groups.LogGroups[0].LogGroupArn}, LogEventFilterPattern: aws.String("live"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for e := range tail.GetStream().Events() {
		if _, ok := e.(*types.StartLiveTailResponseStreamMemberSessionStart); ok {
			want = append(want, "live one")
			must(c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: inputEvents(want[5000:])}))
		} else if u, ok := e.(*types.StartLiveTailResponseStreamMemberSessionUpdate); ok && len(u.Value.SessionResults) > 0 {
			if m := *u.Value.SessionResults[0].Message; m != "live one" {
				t.Errorf("the live tail shows %q", m)
			}
			break
		}
	}
	if err := tail.GetStream().Close(); err != nil {
		t.Error(err)
	}
	m.holds(t, *group, *stream, want)
	m.sentOnce(t, "PutLogEvents", 11)
}

func inputEvents(lines []string) (events []types.InputLogEvent) {
	now := aws.Int64(time.Now().UnixMilli())
	for _, line := range lines {
		events = append(events, types.InputLogEvent{Timestamp: now, Message: &line})
	}
	return events
}

const boto3MatrixScript = `
import os, sys, time, boto3
logs = boto3.client("logs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
name = {"logGroupName": "/boto3", "logStreamName": "one"}
logs.create_log_group(logGroupName="/boto3", tags={"made": "by boto3"})
logs.create_log_stream(**name)
sent = []
for b in range(20):
    batch = ["%s batch %d event %d \"quoted\" caf\u00e9 \U0001f41f\t" % ("INFO" if n % 10 else "ERROR", b, n) for n in range(250)]
    answer = logs.put_log_events(logEvents=[{"timestamp": int(time.time() * 1000), "message": m} for m in batch], **name)
    assert "rejectedLogEventsInfo" not in answer, answer
    sent += batch
now = int(time.time() * 1000)
answer = logs.put_log_events(logEvents=[{"timestamp": now - 20 * 86400000, "message": "too old"}, {"timestamp": now, "message": "kept"}], **name)
assert answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] == 1, answer
sent.append("kept")
errors = [e["message"] for p in logs.get_paginator("filter_log_events").paginate(logGroupName="/boto3", filterPattern="ERROR") for e in p["events"]]
assert errors == [m for m in sent if m.startswith("ERROR")], len(errors)
try:
    logs.put_log_events(logGroupName="/boto3", logStreamName="none", logEvents=[{"timestamp": now, "message": "lost"}])
    raise SystemExit("an unknown stream was taken")
except logs.exceptions.ResourceNotFoundException:
    pass
sys.stdout.buffer.write("".join(m + "\n" for m in sent).encode())
`

func TestClientBoto3(t *testing.T) {
	seen := map[string]bool{}
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(python, "-c", "import boto3; print('boto3', boto3.__version__)").Output()
		version := strings.TrimSpace(string(out))
		if err != nil {
			t.Logf("%s with boto3 is not here: %v", python, err)
			continue
		}
		if seen[version] {
			continue
		}
		seen[version] = true
		t.Run(version, func(t *testing.T) {
			m := startMatrix(t)
			m.holds(t, "/boto3", "one", printed(m.run(t, "", python, "-c", boto3MatrixScript)))
			m.sentOnce(t, "PutLogEvents", 21)
		})
	}
	if len(seen) == 0 {
		t.Skip("no python3 with boto3 is here")
	}
}

func TestClientJavaScriptSDK(t *testing.T) {
	script, err := filepath.Abs("../../bench/clients/js/drive.mjs")
	if err != nil {
		t.Fatal(err)
	}
	home := os.Getenv("SLUICETEST_CLIENTS_JS")
	if home == "" {
		home = filepath.Dir(script)
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules/@aws-sdk/client-cloudwatch-logs")); err != nil {
		t.Skipf("no AWS SDK for JavaScript: npm install --prefix bench/clients/js, or set SLUICETEST_CLIENTS_JS: %v", err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip(err)
	}
	m := startMatrix(t)
	m.holds(t, "/js", "one", printed(m.run(t, "", "node", script, m.url, "20")))
	m.sentOnce(t, "PutLogEvents", 21)
}

// nestedModule builds a program of a module of its own, whose dependencies may
// not be at hand.
func nestedModule(t *testing.T, folder string) (binary string) {
	t.Helper()
	dir, err := filepath.Abs("../../bench/clients/" + folder)
	if err != nil {
		t.Fatal(err)
	}
	fetch := exec.Command("go", "mod", "download")
	fetch.Dir = dir
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Skipf("the modules of bench/clients/%s cannot be fetched: %v\n%.1000s", folder, err, out)
	}
	binary = filepath.Join(t.TempDir(), folder)
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build bench/clients/%s: %v\n%.4000s", folder, err, out)
	}
	return binary
}

// Docker's logging driver makes its group and stream, and sends what containers
// print. Closing it does not wait for the last batch: the daemon lives on.
func TestClientDockerAWSLogs(t *testing.T) {
	driver := nestedModule(t, "awslogs")
	m := startMatrix(t)
	lines := numberedLines(25_000) // three batches: the driver sends 10,000 at most
	daemon := m.command(driver, "-endpoint", m.url, "-group", "/docker", "-stream", "one")
	daemon.Stdin, daemon.Stderr = strings.NewReader(strings.Join(lines, "\n")), os.Stderr
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	waitFor(t, "the driver's last batch", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the driver ended by itself: %v", err)
		default:
		}
		// What is stored may not be answered yet, and who has no answer has sent nothing.
		return m.server.metric(t, "sluice_ingest_stored_events_total") >= float64(len(lines)) && m.answered("PutLogEvents") >= 3
	})
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	m.holds(t, "/docker", "one", lines)
	m.sentOnce(t, "PutLogEvents", 3)
}

// The OpenTelemetry SDK's exporter, gzipped protobuf with a bearer token.
func TestClientOTLPExporter(t *testing.T) {
	exporter := nestedModule(t, "otlp")
	m := startMatrix(t)
	lines := numberedLines(2500)
	m.run(t, strings.Join(lines, "\n"), exporter)
	m.holds(t, "/otlp", "one", lines)
	m.sentOnce(t, "/v1/logs", 25)
}
