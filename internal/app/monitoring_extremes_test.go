package app_test

import (
	"net/http"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// TestAlarmOverExtremes: what stands in somebody's log events does not end the
// process, though an alarm watches a sum of it.
func TestAlarmOverExtremes(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Minute)
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) { c.TestClock = now.Format(time.RFC3339) })
	must := func(target string, in map[string]any) string {
		t.Helper()
		code, body := p.call(target, in)
		if code != http.StatusOK {
			t.Fatal(target, code, body)
		}
		return body
	}
	must("Logs_20140328.PutMetricFilter", map[string]any{
		"logGroupName": group, "filterName": "sizes", "filterPattern": "{ $.v = * }",
		"metricTransformations": []any{map[string]any{"metricName": "Sizes", "metricNamespace": "shop", "metricValue": "$.v"}},
	})
	must("GraniteServiceVersion20100801.PutMetricAlarm", map[string]any{
		"AlarmName": "sizes", "MetricName": "Sizes", "Namespace": "shop", "Statistic": "Sum", "Period": 60,
		"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
	})
	if !p.put("s0", `{"v":1e308}`, `{"v":1e308}`, `{"v":3}`) {
		t.Fatal("events were refused")
	}
	p.advance(t.Context(), 3*time.Minute)
	t.Log(must("GraniteServiceVersion20100801.DescribeAlarmHistory", map[string]any{"AlarmName": "sizes"}))
}
