package awsapi

import (
	"regexp"
	"strings"
	"testing"
)

// TestNamePatterns compares the Valid functions with the patterns that AWS's
// texts print, anchored as the model means them.
func TestNamePatterns(t *testing.T) {
	f := func(pattern string, valid func(string) bool) {
		t.Helper()
		re := regexp.MustCompile(`^(?:` + pattern + `)$`)
		probes := []string{"", "a", "/aws/lambda/f", "a:b", "a*", "a$b", "[x]", "a b", "ä", "a\n", "arn:aws:logs:us-east-1:0:log-group:g", "a-b_c.d#e", "a+=@,"}
		for c := range 128 {
			probes = append(probes, "x"+string(rune(c))+"y")
		}
		for _, s := range probes {
			if got, want := valid(s), re.MatchString(s); got != want {
				t.Errorf("%s on %q: %v, want %v", pattern, s, got, want)
			}
		}
	}
	f(PatternLogGroupName, ValidLogGroupName)
	f(PatternLogStreamName, ValidLogStreamName)
	f(PatternLogGroupIdentifier, ValidLogGroupIdentifier)
	f(PatternResourceARN, ValidResourceARN)
	f(PatternDeliveryStreamName, ValidDeliveryStreamName)
	f(PatternMetricName, ValidMetricName)
}

func TestARNs(t *testing.T) {
	f := func(text, kind, want string) {
		t.Helper()
		got := describeARN(t, text, kind)
		if got != want {
			t.Errorf("%s of %s: got %q, want %q", kind, text, got, want)
		}
	}
	f("arn:aws:logs:us-east-1:123456789012:log-group:/shop/web:*", "log group", "/shop/web")
	f("arn:aws:logs:us-east-1:123456789012:log-group:/shop/web", "log group", "/shop/web")
	f("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s", "log group", "-")
	f("arn:aws:logs:us-east-1:123456789012:log-group:", "log group", "-")
	f("arn:aws:logs:us-east-1:123456789012:log-group::*", "log group", "-")
	f("arn:aws:iam:us-east-1:123456789012:log-group:g", "log group", "-")
	f("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:a/b[$LATEST]c", "log stream", "g a/b[$LATEST]c")
	f("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:a:b", "log stream", "-")
	f("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:", "log stream", "-")
	f("arn:aws-cn:logs:cn-north-1:123456789012:destination:d", "destination", "d")
	f("arn:aws:logs:us-east-1:123456789012:destination:", "destination", "-")
	f("arn:aws:firehose:us-east-1:123456789012:deliverystream/lake", "delivery stream", "lake")
	f("arn:aws:firehose:us-east-1:123456789012:deliverystream/a/b", "delivery stream", "-")
	f("arn:aws:kinesis:us-east-1:123456789012:deliverystream/lake", "delivery stream", "-")
	f("arn:aws:kinesis:us-east-1:123456789012:stream/s_1", "stream", "s_1")
	f("arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1", "stream", "-")
	f("arn:aws:lambda:us-east-1:123456789012:function:f", "function", "f ")
	f("arn:aws:lambda:us-east-1:123456789012:function:f:PROD", "function", "f PROD")
	f("arn:aws:lambda:us-east-1:123456789012:function:f:PROD:x", "function", "-")
	f("arn:aws:s3:::bucket", "bucket", "bucket")
	f("arn:aws:s3:::bucket/key", "bucket", "-")
	f("arn:aws:logs:us-east-1:123456789012", "log group", "!")
	f("urn:aws:logs:us-east-1:123456789012:log-group:g", "log group", "!")
	f("", "log group", "!")
}

func describeARN(t *testing.T, text, kind string) string {
	a, err := ParseARN(text)
	if err != nil {
		return "!"
	}
	if a.String() != text {
		t.Errorf("%s came back as %s", text, a)
	}
	var parts []string
	var ok bool
	var first, second string
	switch kind {
	case "log group":
		first, ok = a.LogGroup()
		parts = []string{first}
	case "log stream":
		first, second, ok = a.LogStream()
		parts = []string{first, second}
	case "destination":
		first, ok = a.Destination()
		parts = []string{first}
	case "delivery stream":
		first, ok = a.DeliveryStream()
		parts = []string{first}
	case "stream":
		first, ok = a.Stream()
		parts = []string{first}
	case "function":
		first, second, ok = a.LambdaFunction()
		parts = []string{first, second}
	case "bucket":
		first, ok = a.Bucket()
		parts = []string{first}
	}
	if !ok {
		return "-"
	}
	return strings.Join(parts, " ")
}

// TestARNsOfACaller: what a Caller prints, parsing finds again.
func TestARNsOfACaller(t *testing.T) {
	c := Caller{Account: "123456789012", Region: "us-gov-west-1"}
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if a, err := ParseARN(got); err != nil || !a.OwnedBy(c) || a.OwnedBy(Caller{Account: c.Account, Region: "us-east-1"}) {
			t.Errorf("%s: %v, %v", got, a, err)
		}
	}
	f(c.LogGroupARN("g"), "arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:g")
	f(c.LogGroupStarARN("g"), "arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:g:*")
	f(c.LogStreamARN("g", "s"), "arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:g:log-stream:s")
	f(c.DestinationARN("d"), "arn:aws-us-gov:logs:us-gov-west-1:123456789012:destination:d")
	f(c.DeliveryStreamARN("d"), "arn:aws-us-gov:firehose:us-gov-west-1:123456789012:deliverystream/d")
	f(c.StreamARN("s"), "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/s")
}

func TestLogGroupOf(t *testing.T) {
	c := Caller{Account: "123456789012", Region: "us-east-1"}
	f := func(identifier, want string, ok bool) {
		t.Helper()
		if got, gotOK := c.LogGroupOf(identifier); got != want && ok || gotOK != ok {
			t.Errorf("%s: got %q %v", identifier, got, gotOK)
		}
	}
	f("g", "g", true)
	f("arn:aws:logs:us-east-1:123456789012:log-group:g", "g", true)
	f("arn:aws:logs:us-east-2:123456789012:log-group:g", "", false)
	f("arn:aws:logs:us-east-1:000000000000:log-group:g", "", false)
	f("arn:aws:logs", "", false)
	f("", "", false)
	f("a b", "", false)
}

func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s")
	f.Add("arn:aws:lambda:us-east-1:123456789012:function:f:PROD")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseARN(s)
		if err != nil {
			return
		}
		if a.String() != s {
			t.Errorf("%q came back as %q", s, a)
		}
		c := Caller{Account: a.Account, Region: a.Region}
		if group, stream, ok := a.LogStream(); ok {
			if again, _ := ParseARN(c.LogStreamARN(group, stream)); again.Resource != a.Resource {
				t.Errorf("%q: resource %q from %q and %q", s, again.Resource, group, stream)
			}
		}
		if group, ok := a.LogGroup(); ok && !ValidLogGroupName(group) {
			t.Errorf("%q: log group %q", s, group)
		}
		a.LambdaFunction()
		a.Bucket()
	})
}
