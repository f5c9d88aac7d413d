package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// TestMetricsOfSluiceItself: what it did in a minute is in metrics of AWS's
// names, and on /metrics are the series of metric filters.
func TestMetricsOfSluiceItself(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Minute)
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) { c.TestClock = now.Format(time.RFC3339) })
	if code, body := p.call("Logs_20140328.PutMetricFilter", map[string]any{
		"logGroupName": group, "filterName": "errors", "filterPattern": wanted,
		"metricTransformations": []any{map[string]any{"metricName": "Errors", "metricNamespace": "shop", "metricValue": "2.5"}},
	}); code != http.StatusOK {
		t.Fatal(code, body)
	}
	if code, body := p.call("Logs_20140328.DescribeLogGroups", map[string]any{"logGroupNamePrefix": group}); code != http.StatusOK || !strings.Contains(body, `"metricFilterCount":1`) {
		t.Error(code, body)
	}
	if !p.put("s0", "ERROR one", "ERROR two", "fine") {
		t.Fatal("events were refused")
	}
	p.advance(t.Context(), 3*time.Minute)
	sum := func(namespace, metric string, dimensions ...string) (all float64) {
		t.Helper()
		var dims []any
		for i := 0; i < len(dimensions); i += 2 {
			dims = append(dims, map[string]any{"Name": dimensions[i], "Value": dimensions[i+1]})
		}
		code, body := p.call("GraniteServiceVersion20100801.GetMetricStatistics", map[string]any{
			"Namespace": namespace, "MetricName": metric, "Dimensions": dims, "Period": 60, "Statistics": []string{"Sum"},
			"StartTime": now.Add(-time.Hour).Unix(), "EndTime": now.Add(time.Hour).Unix(),
		})
		var out struct{ Datapoints []struct{ Sum float64 } }
		if err := json.Unmarshal([]byte(body), &out); code != http.StatusOK || err != nil {
			t.Fatal(code, body, err)
		}
		for _, d := range out.Datapoints {
			all += d.Sum
		}
		return all
	}
	f := func(got, want float64, what string) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	f(sum("shop", "Errors"), 5, "the metric")
	f(sum("AWS/Logs", "IncomingLogEvents"), 3, "IncomingLogEvents")
	f(sum("AWS/Logs", "IncomingBytes", "LogGroupName", group), float64(len("ERROR oneERROR twofine")), "IncomingBytes")
	f(sum("AWS/Logs", "ForwardedLogEvents", "LogGroupName", group, "FilterName", "errors"), 2, "ForwardedLogEvents")
	f(sum("AWS/Firehose", "IncomingRecords", "DeliveryStreamName", "lake"), 2, "IncomingRecords")
	f(sum("AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", "lake"), 2, "DeliveryToS3.Records")
	f(sum("AWS/Firehose", "DeliveryToS3.Success", "DeliveryStreamName", "lake"), 3, "DeliveryToS3.Success")
}
