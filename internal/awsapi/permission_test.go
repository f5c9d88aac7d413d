package awsapi

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

func TestPermissions(t *testing.T) {
	f := func(actions, regions, service, action, region string, want bool) {
		t.Helper()
		p, err := newPermission(Credential{Actions: strings.Fields(actions), Regions: strings.Fields(regions)})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.allows(service, action, region); got != want {
			t.Errorf("%q in %q: %s:%s in %s is %v", actions, regions, service, action, region, got)
		}
	}
	f("", "", "logs", "DeleteLogGroup", "us-east-1", true)
	f("admin", "", "logs", "DeleteLogGroup", "us-east-1", true)
	f("*", "", "firehose", "DeleteDeliveryStream", "us-east-1", true)
	f("write", "", "logs", "PutLogEvents", "us-east-1", true)
	f("write", "", "logs", "CreateLogStream", "us-east-1", true)
	f("write", "", "logs", "CreateLogGroup", "us-east-1", false)
	f("write", "", "logs", "GetLogEvents", "us-east-1", false)
	f("write", "", "logs", "PutRetentionPolicy", "us-east-1", false)
	f("write read", "", "logs", "GetLogEvents", "us-east-1", true)
	f("read", "", "logs", "FilterLogEvents", "us-east-1", true)
	f("read", "", "logs", "StartLiveTail", "us-east-1", true)
	f("read", "", "logs", "PutLogEvents", "us-east-1", false)
	f("read", "", "logs", "DeleteLogGroup", "us-east-1", false)
	f("logs:PutLogEvents", "", "logs", "PutLogEvents", "us-east-1", true)
	f("logs:putlogevents", "", "logs", "PutLogEvents", "us-east-1", true)
	f("logs:Put*", "", "firehose", "PutRecord", "us-east-1", false)
	f("logs:*Log*s", "", "logs", "PutLogEvents", "us-east-1", true)
	f("logs:Get?ogEvents", "", "logs", "GetLogEvents", "us-east-1", true)
	f("logs:Get", "", "logs", "GetLogEvents", "us-east-1", false)
	f("logs:PutLogEventsX", "", "logs", "PutLogEvents", "us-east-1", false)
	f("", "eu-west-1 us-east-1", "logs", "PutLogEvents", "us-east-1", true)
	f("", "eu-west-1", "logs", "PutLogEvents", "us-east-1", false)
	f("write", "eu-west-1", "logs", "PutLogEvents", "us-east-1", false)

	for _, broken := range []Credential{{Actions: []string{"everything"}}, {Actions: []string{"*:Get"}}, {Actions: []string{""}}, {Regions: []string{"*"}}} {
		broken.AccessKey, broken.SecretKey = "AK", "s"
		if _, err := New(Config{Credentials: []Credential{broken}}); err == nil {
			t.Errorf("%+v was taken", broken)
		}
	}
}

func TestPermissionsBySDK(t *testing.T) {
	addr := serve(t, Config{Credentials: []Credential{
		{AccessKey: "AKID", SecretKey: "secret", Actions: []string{"write", "cloudwatch:PutMetricData"}, Regions: []string{"eu-central-1"}},
	}}, ListenConfig{}, append(toys(), (&metricToys{}).operations()...)...)
	logs := logsClient(t, addr, "AKID", "secret", "")
	if _, err := logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: []logstypes.InputLogEvent{{Message: aws.String("m"), Timestamp: aws.Int64(1)}},
	}); err != nil {
		t.Error(err)
	}
	_, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	const want = "User: arn:aws:iam::000000000000:user/AKID is not authorized to perform: logs:DescribeLogGroups on resource: arn:aws:logs:eu-central-1:000000000000:* because no identity-based policy allows the logs:DescribeLogGroups action"
	if smithyCode(err) != CodeAccessDenied || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	// A wrong secret learns nothing about what the key may do.
	_, err = logsClient(t, addr, "AKID", "guessed", "").DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if smithyCode(err) != CodeInvalidSignature {
		t.Errorf("got %v", err)
	}
	_, err = metricsClient(t, addr).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("n")})
	if smithyCode(err) != "AccessDenied" || !strings.Contains(err.Error(), "cloudwatch:PutMetricData") { // another region
		t.Errorf("got %v", err)
	}
}

func FuzzWildcard(f *testing.F) {
	f.Add("*a?b*", "xxaybzz")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 100 || len(text) > 100 {
			return
		}
		if got, want := MatchesWildcard(pattern, text), naiveWildcard(pattern, text); got != want {
			t.Errorf("%q on %q: %v, want %v", pattern, text, got, want)
		}
	})
}

// naiveWildcard fills the table of all suffixes.
func naiveWildcard(pattern, text string) bool {
	below := make([]bool, len(text)+1)
	below[len(text)] = true
	for i := len(pattern) - 1; i >= 0; i-- {
		row := make([]bool, len(text)+1)
		row[len(text)] = pattern[i] == '*' && below[len(text)]
		for j := len(text) - 1; j >= 0; j-- {
			if pattern[i] == '*' {
				row[j] = below[j] || row[j+1]
			} else {
				row[j] = (pattern[i] == '?' || pattern[i] == text[j]) && below[j+1]
			}
		}
		below = row
	}
	return below[0]
}
