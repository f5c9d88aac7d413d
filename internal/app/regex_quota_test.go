package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// TestRegexQuota: with AWS's limits a log group takes five filters with regular
// expressions, metric and subscription filters together.
func TestRegexQuota(t *testing.T) {
	f := func(limits string, most int) {
		t.Helper()
		p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) { c.Limits = limits })
		defer p.stop()
		metric := func(name, pattern string) (int, string) {
			return p.call("Logs_20140328.PutMetricFilter", map[string]any{
				"logGroupName": group, "filterName": name, "filterPattern": pattern,
				"metricTransformations": []any{map[string]any{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}},
			})
		}
		subscription := func(name, pattern string) (int, string) {
			return p.call("Logs_20140328.PutSubscriptionFilter", map[string]any{
				"logGroupName": group, "filterName": name, "filterPattern": pattern,
				"destinationArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "roleArn": "arn:aws:iam::000000000000:role/sluice",
			})
		}
		want := func(what string, status int, answer string, taken bool) {
			t.Helper()
			if taken != (status == http.StatusOK) || !taken && !strings.Contains(answer, "LimitExceededException") {
				t.Errorf("%s: %d %s", what, status, answer)
			}
		}
		for i := range most - 1 {
			status, answer := metric(fmt.Sprint("m", i), "{ $.a = %x[0-9]% && $.b = %y% }")
			want("a metric filter", status, answer, true)
		}
		status, answer := subscription("s", "%E[0-9]%")
		want("a subscription filter", status, answer, true)
		status, answer = metric("more", "%E[0-9]%")
		want("one too many", status, answer, limits == "")
		status, answer = metric("m0", "%changed%")
		want("a change", status, answer, true)
		status, answer = metric("plain", "ERROR")
		want("one without", status, answer, true)
		status, answer = metric("m0", "plain now")
		want("a change to one without", status, answer, true)
		status, answer = metric("more", "%E[0-9]%")
		want("the place that was freed", status, answer, true)
	}
	f("aws", 5)
	f("", 5)
}
