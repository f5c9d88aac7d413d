//go:build integration

package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Unmodified clients make an alarm and put a sample; the clock is moved by five
// minutes; the message arrives, and the clients read state and history.

func startAlarms(t *testing.T) (*server, *subscriber) {
	t.Helper()
	box := newSubscriber(t)
	dir := t.TempDir()
	s := &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	config := fmt.Sprintf("log_level: warn\ntest_clock: 2026-02-26T10:00:00Z\ntopics:\n  - {arn: %q, webhooks: [%q]}\n", pagesTopic, box.url)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() { s.end(syscall.SIGTERM) })
	return s, box
}

func (s *server) advance(by string) {
	s.t.Helper()
	resp, err := http.Post(s.admin+"/clock/advance?by="+by, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		s.t.Fatalf("advance: %s %s", resp.Status, text)
	}
}

func delivered(t *testing.T, box *subscriber) {
	t.Helper()
	got := box.messages()
	if len(got) != 1 || got[0]["Subject"] != `ALARM: "slow" in US East (N. Virginia)` {
		t.Fatalf("delivered %v", got)
	}
	verifySignature(t, got[0])
}

const boto3Alarm = `
import sys, boto3
endpoint, step = sys.argv[1:]
cw = boto3.client("cloudwatch", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
if step == "make":
    cw.put_metric_alarm(AlarmName="slow", Namespace="shop", MetricName="latency", Statistic="Average", Period=300, EvaluationPeriods=1,
        Threshold=1.5, ComparisonOperator="GreaterThanThreshold", AlarmActions=["arn:aws:sns:us-east-1:000000000000:pages"],
        Dimensions=[{"Name": "host", "Value": "a"}])
    cw.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "latency", "Value": 2.5, "Dimensions": [{"Name": "host", "Value": "a"}]}])
else:
    [alarm] = cw.describe_alarms(AlarmNames=["slow"])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM", alarm
    assert "1 datapoint [2.5 (" in alarm["StateReason"], alarm
    summaries = [i["HistorySummary"] for i in cw.describe_alarm_history(AlarmName="slow")["AlarmHistoryItems"]]
    assert summaries == ["Successfully executed action arn:aws:sns:us-east-1:000000000000:pages",
        "Alarm updated from INSUFFICIENT_DATA to ALARM", 'Alarm "slow" created'], summaries
    try:
        cw.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="x")
        raise SystemExit("an unknown alarm was taken")
    except cw.exceptions.ResourceNotFound:
        pass
`

func TestBoto3DrivesAnAlarm(t *testing.T) {
	requirePython(t)
	s, box := startAlarms(t)
	run(t, "python3", "-c", boto3Alarm, *s.url.Load(), "make")
	s.advance("7m")
	delivered(t, box)
	run(t, "python3", "-c", boto3Alarm, *s.url.Load(), "look")
}

func TestAWSCommandLineDrivesAnAlarm(t *testing.T) {
	versions := map[string]bool{}
	for _, name := range []string{"aws", "/usr/bin/aws", "/usr/local/bin/aws"} {
		out, err := exec.Command(name, "--version").CombinedOutput()
		if err != nil {
			continue
		}
		version := strings.Fields(string(out))[0]
		if versions[version] {
			continue
		}
		versions[version] = true
		t.Run(version, func(t *testing.T) {
			s, box := startAlarms(t)
			f := func(args ...string) string {
				t.Helper()
				return run(t, name, append([]string{"--endpoint-url", *s.url.Load(), "--output", "text", "cloudwatch"}, args...)...)
			}
			f("put-metric-alarm", "--alarm-name", "slow", "--namespace", "shop", "--metric-name", "latency", "--statistic", "Average", "--period", "300",
				"--evaluation-periods", "1", "--threshold", "1.5", "--comparison-operator", "GreaterThanThreshold", "--alarm-actions", pagesTopic)
			f("put-metric-data", "--namespace", "shop", "--metric-name", "latency", "--value", "2.5")
			s.advance("7m")
			delivered(t, box)
			if got := strings.TrimSpace(f("describe-alarms", "--alarm-names", "slow", "--query", "MetricAlarms[0].StateValue")); got != "ALARM" {
				t.Errorf("state %s", got)
			}
		})
	}
	for _, major := range []string{"aws-cli/1.", "aws-cli/2."} {
		found := false
		for version := range versions {
			found = found || strings.HasPrefix(version, major)
		}
		if !found {
			t.Run(major+"x", func(t *testing.T) { t.Skip("no command line of this version is here") })
		}
	}
}

func TestGoSDKDrivesAnAlarm(t *testing.T) {
	s, box := startAlarms(t)
	ctx := context.Background()
	cw := cloudwatch.New(cloudwatch.Options{
		BaseEndpoint: s.url.Load(), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err := cw.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("slow"), Namespace: aws.String("shop"), MetricName: aws.String("latency"), ExtendedStatistic: aws.String("p99"),
		Period: aws.Int32(300), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1.5),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, AlarmActions: []string{pagesTopic},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("shop"), MetricData: []types.MetricDatum{{MetricName: aws.String("latency"), Value: aws.Float64(2.5)}},
	}); err != nil {
		t.Fatal(err)
	}
	s.advance("7m")
	delivered(t, box)
	out, err := cw.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{StateValue: types.StateValueAlarm})
	if err != nil || len(out.MetricAlarms) != 1 || out.MetricAlarms[0].StateTransitionedTimestamp == nil {
		t.Errorf("%v: %v", out, err)
	}
	history, err := cw.DescribeAlarmHistory(ctx, &cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("slow"), HistoryItemType: types.HistoryItemTypeAction})
	if err != nil || len(history.AlarmHistoryItems) != 1 {
		t.Errorf("%v: %v", history, err)
	}
}

// TestKilledWithAnActionToDo: a killed process's action is done by the next.
func TestKilledWithAnActionToDo(t *testing.T) {
	s, box := startAlarms(t)
	box.refuse(true)
	cw := cloudwatch.New(cloudwatch.Options{
		BaseEndpoint: s.url.Load(), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	ctx := context.Background()
	if _, err := cw.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("slow"), Namespace: aws.String("shop"), MetricName: aws.String("latency"), Statistic: types.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, AlarmActions: []string{pagesTopic},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := cw.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("slow"), StateValue: types.StateValueAlarm, StateReason: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	s.advance("10s")
	first := box.messages()
	if len(first) == 0 {
		t.Fatal("no attempt")
	}
	s.end(syscall.SIGKILL)
	box.refuse(false)
	s.start()
	s.advance("10s")
	all := box.messages()
	if last := all[len(all)-1]; len(all) != len(first)+1 || last["MessageId"] != first[0]["MessageId"] {
		t.Errorf("%d attempts, then %v", len(first), all[len(first):])
	}
}
