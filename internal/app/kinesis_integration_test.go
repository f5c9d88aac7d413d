//go:build integration

package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/stream/kinesis/kinesistest"
)

const anyRole = "arn:aws:iam::000000000000:role/any"

func kinesisClient(url string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
		RetryMaxAttempts: 10, // it gives GetRecords five seconds to be read, which a busy machine may not have
	})
}

// TestKinesisChainOverKills is AWS's chain with its own clients: log group,
// subscription filter, Kinesis stream, a delivery stream with that stream as its
// source, bucket. The process is killed on the way. Every acknowledged match is once
// in the stream, as a poller of the SDK reads it, and in exactly one object.
func TestKinesisChainOverKills(t *testing.T) {
	dir := t.TempDir()
	s := &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	config := "log_level: warn\nlog: {segment_bytes: 8388608}\npipelines:\n  log_groups: [{logGroupName: /kill, logStreamNames: [s0, s1, s2, s3]}]\n"
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		if s.url.Load() != nil {
			s.end(syscall.SIGTERM)
		}
	})
	makeChain(t, *s.url.Load(), *s.url.Load())
	l := &ledger{acked: map[string]bool{}}
	sent := load(t, s, l)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 4))
	const kills = 6
	for k := range int64(kills) {
		target := killEvents*(k+1)/(kills+1) + r.Int64N(killEvents/(kills+1)/2)
		waitFor(t, "load", func() bool { return sent.Load() >= target })
		s.end(syscall.SIGKILL)
		s.start()
	}
	waitFor(t, "end of the load", func() bool { return sent.Load() >= killEvents })
	waitFor(t, "the matches in the stream", func() bool {
		return s.metric(t, "sluice_filter_lag_frames") == 0 && s.metric(t, "sluice_destination_in_flight_events") == 0
	})
	l.checkStream(t, *s.url.Load())
	s.awaitDelivery(t)
	s.end(syscall.SIGTERM)
	l.check(t, filepath.Join(s.data, "s3", "lake"))
}

// TestKinesisChainThroughKinesalite is the same chain with the stream in a server of
// somebody else: the filter sends there, the delivery stream reads there.
func TestKinesisChainThroughKinesalite(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	other := kinesistest.StartKinesalite(t)
	dir := t.TempDir()
	s := &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	config := fmt.Sprintf(`
log_level: warn
pipelines: {log_groups: [{logGroupName: /kill, logStreamNames: [s0, s1, s2, s3]}]}
destinations: {kinesis: [{arn: %[1]q, endpoint: %[2]q}]}
sources: {delivery: {streams: [{arn: %[1]q, endpoint: %[2]q}]}}
`, matchesARN, other.URL)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		if s.url.Load() != nil {
			s.end(syscall.SIGTERM)
		}
	})
	makeChain(t, *s.url.Load(), other.URL)
	l := &ledger{acked: map[string]bool{}}
	sent := load(t, s, l)
	waitFor(t, "end of the load", func() bool { return sent.Load() >= killEvents })
	waitFor(t, "the matches in the stream", func() bool {
		return s.metric(t, "sluice_filter_lag_frames") == 0 && s.metric(t, "sluice_destination_in_flight_events") == 0
	})
	l.checkStream(t, other.URL)
	matches := 0
	for id, ok := range l.acked {
		if ok && strings.HasPrefix(id, "ERROR") {
			matches++
		}
	}
	bucket := filepath.Join(s.data, "s3", "lake")
	waitFor(t, "delivery", func() bool { // its counters are of documents
		time.Sleep(100 * time.Millisecond) // between two looks
		delivered := 0
		objects, err := filepath.Glob(filepath.Join(bucket, "*", "*", "*", "*", "*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if err := eachLine(o, func(string) { delivered++ }); err != nil {
				t.Fatal(err)
			}
		}
		return delivered >= matches
	})
	s.end(syscall.SIGTERM)
	l.check(t, bucket)
}

// makeChain makes everything between the log group and the bucket.
func makeChain(t *testing.T, url, kinesisURL string) {
	t.Helper()
	ctx := t.Context()
	k, key := kinesisClient(kinesisURL), credentials.NewStaticCredentialsProvider("any", "any", "")
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(matchesStream), ShardCount: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	f := firehose.New(firehose.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: key})
	processor := func(kind firehosetypes.ProcessorType, name firehosetypes.ProcessorParameterName, value string) firehosetypes.Processor {
		return firehosetypes.Processor{Type: kind, Parameters: []firehosetypes.ProcessorParameter{{ParameterName: name, ParameterValue: &value}}}
	}
	if _, err := f.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String("lake"), DeliveryStreamType: firehosetypes.DeliveryStreamTypeKinesisStreamAsSource,
		KinesisStreamSourceConfiguration: &firehosetypes.KinesisStreamSourceConfiguration{KinesisStreamARN: aws.String(matchesARN), RoleARN: aws.String(anyRole)},
		ExtendedS3DestinationConfiguration: &firehosetypes.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::lake"), RoleARN: aws.String(anyRole), CompressionFormat: firehosetypes.CompressionFormatGzip,
			BufferingHints: &firehosetypes.BufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(1)},
			ProcessingConfiguration: &firehosetypes.ProcessingConfiguration{Enabled: aws.Bool(true), Processors: []firehosetypes.Processor{
				processor(firehosetypes.ProcessorTypeDecompression, firehosetypes.ProcessorParameterNameCompressionFormat, "GZIP"),
				processor(firehosetypes.ProcessorTypeCloudWatchLogProcessing, firehosetypes.ProcessorParameterNameDataMessageExtraction, "true"),
			}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	d, err := f.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("lake")})
	if err != nil || d.DeliveryStreamDescription.Source == nil || aws.ToString(d.DeliveryStreamDescription.Source.KinesisStreamSourceDescription.KinesisStreamARN) != matchesARN {
		t.Fatal(d, err)
	}
	logs := cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: key})
	if _, err := logs.PutSubscriptionFilter(ctx, &cloudwatchlogs.PutSubscriptionFilterInput{
		LogGroupName: aws.String("/kill"), FilterName: aws.String("errors"), FilterPattern: aws.String("ERROR"),
		DestinationArn: aws.String(matchesARN), RoleArn: aws.String(anyRole),
	}); err != nil {
		t.Fatal(err)
	}
}

// checkStream polls every shard to its end.
func (l *ledger) checkStream(t *testing.T, url string) {
	t.Helper()
	ctx, k := t.Context(), kinesisClient(url)
	listed, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String(matchesStream)})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, shard := range listed.Shards {
		it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: aws.String(matchesStream), ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		for next := it.ShardIterator; ; {
			page, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				d := readDocument(t, r.Data)
				if d.MessageType == "CONTROL_MESSAGE" {
					continue // as consumers of AWS do
				}
				for _, e := range d.LogEvents {
					seen[strings.SplitN(e.Message, " ", 2)[0]]++
				}
			}
			if next = page.NextShardIterator; *page.MillisBehindLatest == 0 {
				break
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	matches := 0
	for id, ok := range l.acked {
		if n := seen[id]; strings.HasPrefix(id, "ERROR") && (ok && n == 0 || n > 1) {
			t.Errorf("%s is %d times in the stream, acknowledged: %v", id, n, ok)
		}
		matches += seen[id]
	}
	t.Logf("%d events in the stream", matches)
	for id, n := range seen {
		if _, sent := l.acked[id]; !sent || !strings.HasPrefix(id, "ERROR") {
			t.Errorf("%s is %d times in the stream", id, n)
		}
	}
}

// TestKinesisCommandLine drives the API by AWS's command lines.
func TestKinesisCommandLine(t *testing.T) {
	commandLines(t, "put-log-events", func(t *testing.T, aws string) {
		m := startMatrix(t)
		f := func(args ...string) string {
			t.Helper()
			return strings.TrimSpace(m.run(t, "", aws, append([]string{"--endpoint-url", m.url, "--output", "text", "kinesis"}, args...)...))
		}
		f("create-stream", "--stream-name", "cli", "--shard-count", "1")
		f("wait", "stream-exists", "--stream-name", "cli")
		file := filepath.Join(t.TempDir(), "record")
		if err := os.WriteFile(file, []byte("caf\xc3\xa9"), 0o600); err != nil {
			t.Fatal(err)
		}
		put := []string{"put-record", "--stream-name", "cli", "--partition-key", "k", "--data", "fileb://" + file, "--query", "SequenceNumber"}
		number := f(put...)
		f(put...)
		for _, c := range []struct{ kind, number, want string }{
			{"TRIM_HORIZON", "", "Y2Fmw6k=\tY2Fmw6k="}, {"AFTER_SEQUENCE_NUMBER", number, "Y2Fmw6k="},
		} {
			in := []string{"get-shard-iterator", "--stream-name", "cli", "--shard-id", "shardId-000000000000", "--shard-iterator-type", c.kind, "--query", "ShardIterator"}
			if c.number != "" {
				in = append(in, "--starting-sequence-number", c.number)
			}
			if got := f("get-records", "--shard-iterator", f(in...), "--query", "Records[].Data"); got != c.want {
				t.Errorf("%s: %q, want %q", c.kind, got, c.want)
			}
		}
		if got := f("list-streams", "--query", "StreamNames"); got != "cli" {
			t.Error(got)
		}
		f("delete-stream", "--stream-name", "cli")
	})
}

// TestKinesisJavaScriptSDK has the SDK for JavaScript put, poll, and read what a
// subscription filter put, by HTTP/2 as it does by itself.
func TestKinesisJavaScriptSDK(t *testing.T) {
	script, err := filepath.Abs("../../bench/clients/js/kinesis.mjs")
	if err != nil {
		t.Fatal(err)
	}
	home := os.Getenv("SLUICETEST_CLIENTS_JS")
	if home == "" {
		home = filepath.Dir(script)
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules/@aws-sdk/client-kinesis")); err != nil {
		t.Skipf("no Kinesis client of the AWS SDK for JavaScript: npm install --prefix bench/clients/js, or set SLUICETEST_CLIENTS_JS: %v", err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip(err)
	}
	s := startIdle(t)
	url := *s.url.Load()
	logs := cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")})
	m := &matrix{server: s, logs: logs}
	m.create(t, "/js")
	if _, err := kinesisClient(url).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("subscribed"), ShardCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.PutSubscriptionFilter(t.Context(), &cloudwatchlogs.PutSubscriptionFilterInput{
		LogGroupName: aws.String("/js"), FilterName: aws.String("f"), FilterPattern: aws.String("ERROR"),
		DestinationArn: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/subscribed"), RoleArn: aws.String(anyRole),
	}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 50 {
		lines := []string{fmt.Sprintf("ERROR %d \"quoted\" café", i), "fine"}
		m.put(t, "/js", lines...)
		want = append(want, lines[0])
	}
	waitFor(t, "the matches in the stream", func() bool { return s.metric(t, "sluice_destination_delivered_events_total") == 50 })
	if got := run(t, "node", script, url, "subscribed"); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("%s\nwant %d messages in order", got, len(want))
	}
}
