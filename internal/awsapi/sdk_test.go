package awsapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"sluice/internal/clock"
)

func logsClient(t testing.TB, addr, key, secret, token string) *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint:     aws.String("http://" + addr),
		Region:           "eu-central-1",
		Credentials:      credentials.NewStaticCredentialsProvider(key, secret, token),
		RetryMaxAttempts: 1,
		HTTPClient:       client(t, &http.Transport{}),
	})
}

func TestSDKWithoutCredentials(t *testing.T) {
	seen := &recorder{}
	addr := serve(t, Config{Observer: seen}, ListenConfig{}, toys()...)
	logs := logsClient(t, addr, "123456789012", "anything", "")
	ctx := t.Context()

	out, err := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := aws.ToString(out.LogGroups[0].Arn), "arn:aws:logs:eu-central-1:123456789012:log-group:/shop/web:*"; got != want {
		t.Errorf("arn %s, want %s", got, want)
	}
	if _, err := logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("new")}); err != nil {
		t.Errorf("empty answer: %v", err)
	}
	_, err = logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("taken")})
	var exists *logstypes.ResourceAlreadyExistsException
	if !errors.As(err, &exists) || exists.ErrorMessage() != "The specified log group already exists" {
		t.Errorf("got %v, want ResourceAlreadyExistsException", err)
	}
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")})
	if code := smithyCode(err); code != CodeUnknownOperation {
		t.Errorf("got %q of %v, want %s", code, err, CodeUnknownOperation)
	}
	if _, err := logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String("g"), LogStreamName: aws.String("s"),
		LogEvents: []logstypes.InputLogEvent{{Message: aws.String("m"), Timestamp: aws.Int64(1)}},
	}); err != nil {
		t.Error(err)
	}
	var told []string
	for _, x := range seen.all() {
		told = append(told, x.Service+"."+x.Operation+":"+x.Code)
	}
	if got, want := strings.Join(told, " "), "logs.DescribeLogGroups: logs.CreateLogGroup: logs.CreateLogGroup:ResourceAlreadyExistsException unknown.unknown:UnknownOperationException"; !strings.HasPrefix(got, want) {
		t.Errorf("observer was told %s, want %s", got, want)
	}
}

func TestSDKFirehose(t *testing.T) {
	addr := serve(t, Config{}, ListenConfig{}, toys()...)
	hose := firehose.New(firehose.Options{
		BaseEndpoint: aws.String("http://" + addr), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:  client(t, &http.Transport{}),
	})
	out, err := hose.PutRecord(t.Context(), &firehose.PutRecordInput{
		DeliveryStreamName: aws.String("lake"), Record: &firehosetypes.Record{Data: []byte("a line")},
	})
	if err != nil || aws.ToString(out.RecordId) != "a line" {
		t.Errorf("record %v, %v", out, err)
	}
	_, err = hose.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("lake")})
	var missing *firehosetypes.ResourceNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Firehose lake under account 000000000000 not found." {
		t.Errorf("got %v, want ResourceNotFoundException", err)
	}
}

func TestSDKWithCredentials(t *testing.T) {
	config := func(c clock.Clock) Config {
		return Config{Clock: c, Credentials: []Credential{
			{AccessKey: "AKIDPLAIN", SecretKey: "plain-secret"},
			{AccessKey: "AKIDTOKEN", SecretKey: "token-secret", SessionToken: "session", Account: "111122223333"},
			{AccessKey: "AKIDOLD", SecretKey: "old-secret", Expires: time.Now().Add(-time.Second)},
		}}
	}
	now := serve(t, config(nil), ListenConfig{}, toys()...)
	ahead := serve(t, config(clock.NewTest(time.Now().Add(6*time.Minute))), ListenConfig{}, toys()...)
	behind := serve(t, config(clock.NewTest(time.Now().Add(-6*time.Minute))), ListenConfig{}, toys()...)

	f := func(addr, key, secret, token, wantCode, wantText string) {
		t.Helper()
		logs := logsClient(t, addr, key, secret, token)
		_, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
		if code := smithyCode(err); code != wantCode || err != nil && !strings.Contains(err.Error(), wantText) {
			t.Errorf("%s with %s: got %v, want %s: %s", key, secret, err, wantCode, wantText)
		}
	}
	f(now, "AKIDPLAIN", "plain-secret", "", "", "")
	f(now, "AKIDPLAIN", "plain-secret", "", "", "") // by the cached key
	f(now, "AKIDTOKEN", "token-secret", "session", "", "")
	f(now, "AKIDPLAIN", "guessed", "", CodeInvalidSignature, "does not match")
	f(now, "AKIDNONE", "plain-secret", "", CodeUnrecognizedClient, "security token included in the request is invalid")
	f(now, "AKIDTOKEN", "token-secret", "", CodeUnrecognizedClient, "")
	f(now, "AKIDTOKEN", "token-secret", "other", CodeUnrecognizedClient, "")
	f(now, "AKIDPLAIN", "plain-secret", "unasked", CodeUnrecognizedClient, "")
	f(now, "AKIDOLD", "old-secret", "", CodeExpiredToken, "expired")
	f(ahead, "AKIDPLAIN", "plain-secret", "", CodeInvalidSignature, "Signature expired: ")
	f(behind, "AKIDPLAIN", "plain-secret", "", CodeInvalidSignature, "Signature not yet current: ")

	logs := cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint: aws.String("http://" + now), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.AnonymousCredentials{}, HTTPClient: client(t, &http.Transport{}),
	})
	_, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if code := smithyCode(err); code != CodeMissingAuthenticationToken {
		t.Errorf("unsigned: got %v", err)
	}
}

// TestSDKAccountOfCredential: a configured account wins over the default one.
func TestSDKAccountOfCredential(t *testing.T) {
	addr := serve(t, Config{Credentials: []Credential{{AccessKey: "AK", SecretKey: "s", Account: "111122223333"}}}, ListenConfig{}, toys()...)
	out, err := logsClient(t, addr, "AK", "s", "").DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil || !strings.Contains(aws.ToString(out.LogGroups[0].Arn), ":111122223333:") {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestSDKOverTLSAndPlainOnOnePort(t *testing.T) {
	dir := t.TempDir()
	cfg, err := NewTLSConfig(TLSFiles{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, Config{}, ListenConfig{TLS: cfg}, toys()...)
	_, port, _ := strings.Cut(addr, ":")
	pool := poolOf(t, dir)
	f := func(endpoint string) {
		t.Helper()
		logs := cloudwatchlogs.New(cloudwatchlogs.Options{
			BaseEndpoint: aws.String(endpoint), Region: "us-east-1", RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AK", "s", ""),
			HTTPClient: client(t, &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool},
				DialContext:     dialTo(addr),
			}),
		})
		for range 3 { // on one connection
			if _, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil {
				t.Errorf("%s: %v", endpoint, err)
			}
		}
	}
	f("http://127.0.0.1:" + port)
	f("https://127.0.0.1:" + port)
	f("https://localhost:" + port)
	f("https://stream-logs.localhost:" + port)
	f("http://stream-logs.localhost:" + port)
}

func smithyCode(err error) string {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err.Error()
	}
	return ""
}
