package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	logStream = "one"
	account   = "123456789012"
	secret    = "a-secret-for-the-benchmark"
	token     = "a-token-for-the-benchmark"
	bucket    = "lake"
	lake      = "arn:aws:firehose:us-east-1:" + account + ":deliverystream/" + bucket
	role      = "arn:aws:iam::" + account + ":role/sluice"
)

// scene is what is measured: a way through a server, and what else the server
// has to do with.
type scene struct {
	way
	compaction    bool
	groups        int      // log groups, which requests go to in turns
	warm          int      // requests before those that count; 0: a few, one after the other
	idle          []string // subscription filters besides, which select nothing
	metricFilters []string

	gateway *gateway // while they run
	broker  *broker
}

func newScene(o Options, w way) *scene {
	metricFilters, err := parseMetricFilters(o.MetricFilters)
	if err != nil {
		panic("bench: " + err.Error()) // setDefaults has read it
	}
	return &scene{way: w, compaction: o.Compaction, groups: 1, metricFilters: metricFilters}
}

// start runs what the scene needs beside the server.
func (sc *scene) start(ctx context.Context, o Options, dir string) (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, f := range stops {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	if sc.s3 {
		if sc.gateway, err = startGateway(ctx, o.Gateway, dir); err != nil {
			return nil, err
		}
		stops = append(stops, sc.gateway.stop)
	}
	if sc.ingest == "kafka" {
		if sc.broker, err = startBroker(ctx, o); err != nil {
			return nil, errors.Join(err, stop())
		}
		stops = append(stops, sc.broker.stop)
	}
	return stop, nil
}

// group is the name of a log group. All are of one length, so that bodies are.
func group(n int) string { return fmt.Sprintf("bench-%05d", n) }

func (sc *scene) pattern() string {
	return map[string]string{"all": "", "errors": errorPattern, "none": `"absent from all events"`}[sc.keep]
}

// config of the server: one pipeline; further log groups are made by API calls.
// What is not signed is taken without credentials, which then must not be
// configured.
func (sc *scene) config() string {
	var b strings.Builder
	if sc.ingest != "putlogevents-unsigned" {
		fmt.Fprintf(&b, "credentials: [{access_key_id: %q, secret_access_key: %s}]\nbearer_tokens: [{token: %s}]\n", account, secret, token)
	}
	if !sc.compaction {
		b.WriteString("storage: {compact_bytes_per_second: 1}\n") // it waits after the first megabyte
	}
	if sc.broker != nil {
		fmt.Fprintf(&b, "sources: {kafka: [{name: bench, brokers: [%q], topics: [%s], group_id: %s, log_group: %s}]}\n",
			sc.broker.address, sc.broker.topic, sc.broker.topic, group(0))
	}
	object := map[string]string{
		"gzip": "CompressionFormat: GZIP", "zstd": "CompressionFormat: ZSTD",
		"parquet": "SluiceConfiguration: {Format: parquet}",
	}[sc.format]
	fmt.Fprintf(&b, `
log_level: error
account_id: %q
pipelines:
  log_groups: [{logGroupName: %s, logStreamNames: [%s]}]
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: %s
        BucketARN: "arn:aws:s3:::%s"
        %s
        BufferingHints: {SizeInMBs: 64, IntervalInSeconds: 1}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}
  subscription_filters:
    - {logGroupName: %s, filterName: f, filterPattern: %q, destinationArn: %q}
`, account, group(0), logStream, role, bucket, object, group(0), sc.pattern(), lake)
	return b.String()
}

// definers work at once: each definition is durable before its answer.
const definers = 16

// define makes what the configuration has not.
func (sc *scene) define(ctx context.Context, s *server) error {
	var wg sync.WaitGroup
	errs := make([]error, definers)
	for i := range definers {
		wg.Go(func() {
			for n := i + 1; n < sc.groups && errs[i] == nil; n += definers {
				errs[i] = s.defineGroup(ctx, group(n), sc.pattern())
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, p := range sc.idle {
		if err := s.call(ctx, "PutSubscriptionFilter", map[string]any{
			"logGroupName": group(0), "filterName": fmt.Sprint("idle-", i), "filterPattern": p, "destinationArn": lake, "roleArn": role,
		}); err != nil {
			return err
		}
	}
	for i, p := range sc.metricFilters {
		if err := s.call(ctx, "PutMetricFilter", map[string]any{
			"logGroupName": group(0), "filterName": fmt.Sprint("metric-", i), "filterPattern": p,
			"metricTransformations": []any{map[string]any{"metricName": fmt.Sprint("m", i), "metricNamespace": "bench", "metricValue": "1"}},
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) defineGroup(ctx context.Context, name, pattern string) error {
	for _, c := range []struct {
		operation string
		request   map[string]any
	}{
		{"CreateLogGroup", map[string]any{"logGroupName": name}},
		{"CreateLogStream", map[string]any{"logGroupName": name, "logStreamName": logStream}},
		{"PutSubscriptionFilter", map[string]any{"logGroupName": name, "filterName": "f", "filterPattern": pattern, "destinationArn": lake, "roleArn": role}},
	} {
		if err := s.call(ctx, c.operation, c.request); err != nil {
			return err
		}
	}
	return nil
}

// warmUp is the first of a load: a few requests, and one for each log group, or what
// the scene wants.
func (sc *scene) warmUp(l *load) *load { return l.first(max(4, sc.groups, sc.warm)) }

// call is an operation of CloudWatch Logs.
func (s *server) call(ctx context.Context, operation string, request any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	sum := sha256.Sum256(body)
	if err := sign(ctx, req, hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("%s %s: the server answers %s: %.300s", operation, body, resp.Status, text))
	}
	return nil
}

var signer = v4.NewSigner()

func sign(ctx context.Context, req *http.Request, hash string) error {
	return signer.SignHTTP(ctx, aws.Credentials{AccessKeyID: account, SecretAccessKey: secret}, req, hash, "logs", "us-east-1", time.Now())
}
