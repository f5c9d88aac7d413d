package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/filter"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/logsapi/logsapitest"
)

// metricOperations is the operations on metric filters over a catalog in memory
// with the log groups group-1 and group-2.
type metricOperations struct {
	*logsapitest.Server
	filters *catalog.MetricFilterTable
	groups  map[string]catalog.LogGroup
	next    []uint64
	passed  bool
}

func (o *metricOperations) Next() []uint64 { return o.next }

func serveMetricFilters(t *testing.T, most int) *metricOperations {
	t.Helper()
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	o := &metricOperations{groups: map[string]catalog.LogGroup{}, next: []uint64{1}}
	for _, name := range []string{"group-1", "group-2"} {
		if o.groups[name], err = c.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if o.filters, err = catalog.OpenMetricFilters(c); err != nil {
		t.Fatal(err)
	}
	api, err := filter.NewMetricAPI(filter.MetricAPIConfig{
		Groups: c, Filters: o.filters, Positions: o, Clock: clock.NewTest(created), FiltersPerGroup: most,
		Passed: func([]uint64) bool { return o.passed },
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Server = logsapitest.Serve(t, api.Operations()...)
	return o
}

func metricFilterOf(group, name, text, transformation, more string) string {
	return fmt.Sprintf(`{"logGroupName":%q,"filterName":%q,"filterPattern":%q,"metricTransformations":[{%s}]%s}`, group, name, text, transformation, more)
}

const simple = `"metricName":"metric","metricNamespace":"namespace","metricValue":"1"`

func TestRecordedMetricFilters(t *testing.T) {
	r := logsapitest.Record(t, "logs_metric_filters.json")
	const class, checks = "TestMetricFilters::", "TestMetricFiltersValidation::"
	o := serveMetricFilters(t, filter.AWSMetricFiltersPerGroup)
	zero := simple + `,"defaultValue":0`
	same := func(request, test, entry string, placeholders ...string) {
		t.Helper()
		r.Same(t, o.Call("DescribeMetricFilters", request), class+test, entry, placeholders...)
	}
	names := []string{"group-1", "<log-group-name:1>", "f-1", "<filter-name:1>", "metric", "<metric-name:1>", "namespace", "<metric-namespace:1>"}

	o.Done("PutMetricFilter", metricFilterOf("group-1", "f-1", " ", zero, ""), nil)
	same(`{"logGroupName":"group-1"}`, "test_put_metric_filter_basic", "describe-metric-filters", names...)
	o.Done("PutMetricFilter", metricFilterOf("group-1", "f-1", `{$.message = "test"}`, zero, ""), nil)
	same(`{"logGroupName":"group-1"}`, "test_put_metric_filter_json_pattern", "describe-metric-filters-json", names...)

	o.Done("PutMetricFilter", metricFilterOf("group-1", "f-1", "pattern", simple, ""), nil)
	same(`{"logGroupName":"group-1","filterNamePrefix":"f-1"}`, "test_describe_metric_filters_by_log_group", "describe-by-log-group", names[:4:4]...)
	same(`{"metricName":"metric","metricNamespace":"namespace"}`, "test_describe_metric_filters_by_metric_name", "describe-by-metric-name", names...)

	for i, group := range []string{"group-1", "group-2"} {
		m := fmt.Sprintf(`"metricName":"m-%d","metricNamespace":"n-%d","metricValue":"%d"`, i+1, i+1, i)
		o.Done("PutMetricFilter", metricFilterOf(group, fmt.Sprint("prefix-", i+1), fmt.Sprint("filterPattern", i), m, ""), nil)
	}
	same(`{"filterNamePrefix":"prefix-"}`, "test_describe_metric_filters_by_prefix", "describe-by-prefix",
		"group-1", "<log-group-name:1>", "group-2", "<log-group-name:2>", "prefix-1", "<filter-name:1>", "prefix-2", "<filter-name:2>",
		"m-1", "<metric-name:1>", "m-2", "<metric-name:2>", "n-1", "<metric-namespace:1>", "n-2", "<metric-namespace:2>")

	x := strings.Repeat("X", 513)
	r.Same(t, o.Call("PutMetricFilter", metricFilterOf("group-1", x, "", simple, "")), checks+"test_put_metric_filter_invalid_filter_name", "error-invalid-filter-name")
	r.Same(t, o.Call("PutMetricFilter", metricFilterOf("group-1", "f", strings.Repeat("X", 1025), simple, "")), checks+"test_put_metric_filter_invalid_filter_pattern", "error-invalid-filter-pattern")
	two := strings.NewReplacer("metric\"", "metric1\"", "namespace\"", "namespace1\"").Replace(simple) + `},{` +
		strings.NewReplacer("metric\"", "metric2\"", "namespace\"", "namespace2\"").Replace(simple)
	r.Same(t, o.Call("PutMetricFilter", metricFilterOf("group-1", "f", "", two, "")), checks+"test_put_metric_filter_too_many_transformations", "error-too-many-transformations")
	r.Same(t, o.Call("DeleteMetricFilter", fmt.Sprintf(`{"logGroupName":"group-1","filterName":%q}`, x)), checks+"test_delete_metric_filter_invalid_filter_name", "error-invalid-filter-name")
	r.Same(t, o.Call("DeleteMetricFilter", fmt.Sprintf(`{"logGroupName":%q,"filterName":"f"}`, x)), checks+"test_delete_metric_filter_invalid_log_group_name", "error-invalid-log-group-name")
	r.Same(t, o.Call("DescribeMetricFilters", fmt.Sprintf(`{"filterNamePrefix":%q}`, x)), checks+"test_describe_metric_filters_invalid_parameters", "error-invalid-filter-prefix")
	r.Same(t, o.Call("DescribeMetricFilters", fmt.Sprintf(`{"metricName":%q,"metricNamespace":"n"}`, x[:256])), checks+"test_describe_metric_filters_invalid_parameters", "error-invalid-metric-name")
}

func TestMetricFiltersThatAreRefused(t *testing.T) {
	o := serveMetricFilters(t, 2)
	f := func(request, message string) {
		t.Helper()
		if a := o.Call("PutMetricFilter", request); a.Code != "InvalidParameterException" || !strings.Contains(a.Message, message) {
			t.Errorf("%s\nanswer %s %q, want %q in it", request, a.Code, a.Message, message)
		}
	}
	value := func(v, more string) string {
		return fmt.Sprintf(`"metricName":"metric","metricNamespace":"namespace","metricValue":%q%s`, v, more)
	}
	f(metricFilterOf("group-1", "f", "", value("$.a", ""), ""), "Invalid metric transformation: metric value $.a must be a valid number")
	f(metricFilterOf("group-1", "f", "{ $.a = * }", value("$.a[*]", ""), ""), "must be a valid number")
	f(metricFilterOf("group-1", "f", "", value("1e109", ""), ""), "Invalid metric transformation: metric value 1e109 must be a valid number")
	f(metricFilterOf("group-1", "f", "", value("1", `,"defaultValue":-1e300`), ""), "Invalid metric transformation: default value -1e+300 must be a valid number")
	f(metricFilterOf("group-1", "f", "", `"metricName":"m","metricNamespace":"AWS/Logs","metricValue":"1"`, ""), "Metric namespaces starting with AWS/ are reserved for AWS.")
	f(metricFilterOf("group-1", "f", "{ $.a = ", simple, ""), "it must end with")
	f(metricFilterOf("group-1", "f", "ERROR", value("1", `,"dimensions":{"d":"$.d"}`), ""), "does not support dimensions")
	f(metricFilterOf("group-1", "f", "{ $.a = * }", value("1", `,"defaultValue":1,"dimensions":{"d":"$.d"}`), ""), "mutually exclusive")
	f(metricFilterOf("group-1", "f", "{ $.a = * }", value("1", `,"dimensions":{"d":"text"}`), ""), "must be valid selector")
	f(metricFilterOf("group-1", "f", "{ $.a = * }", value("1", `,"dimensions":{"a":"$.a","b":"$.b","c":"$.c"}`), `,"emitSystemFieldDimensions":["@aws.region"]`), "at most 3")
	f(metricFilterOf("group-1", "f", "", simple, `,"emitSystemFieldDimensions":["@source.log"]`), "@source.log")
	f(metricFilterOf("group-1", "f", "", simple, `,"fieldSelectionCriteria":"@aws.account ="`), "The provided field selection criteria is invalid: expected a value at the end")
	f(metricFilterOf("group-1", "f", "", value("1", `,"unit":"Apples"`), ""), "enum value set")
	f(metricFilterOf("group-1", "f", "", `"metricName":"a:b","metricNamespace":"n","metricValue":"1"`, ""), "metricName")
	if a := o.Call("PutMetricFilter", metricFilterOf("group-1", "f", "", value("1", `,"defaultValue":"1"`), "")); a.Code != "SerializationException" {
		t.Error("a default value that is text:", a.Code)
	}
	if a := o.Call("DescribeMetricFilters", `{"metricName":"m"}`); a.Code != "InvalidParameterException" {
		t.Error("a metric name without a namespace:", a.Code)
	}
	if a := o.Call("PutMetricFilter", metricFilterOf("none", "f", "", simple, "")); a.Code != "ResourceNotFoundException" {
		t.Error("no log group:", a.Code)
	}
	if a := o.Call("DeleteMetricFilter", `{"logGroupName":"group-1","filterName":"f"}`); a.Message != "The specified metric filter does not exist." {
		t.Error("no filter:", a.Message)
	}
	for _, name := range []string{"a", "b", "a"} { // a change never counts
		o.Done("PutMetricFilter", metricFilterOf("group-1", name, "", simple, ""), nil)
	}
	if a := o.Call("PutMetricFilter", metricFilterOf("group-1", "c", "", simple, "")); a.Code != "LimitExceededException" {
		t.Error("over the limit:", a.Code)
	}
}

func TestVersionsOfMetricFilters(t *testing.T) {
	o := serveMetricFilters(t, 0)
	put := func(position uint64, pattern string) {
		t.Helper()
		o.next = []uint64{position}
		o.Done("PutMetricFilter", metricFilterOf("group-1", "f", pattern, simple, ""), nil)
	}
	want := func(spans ...string) {
		t.Helper()
		var got []string
		for _, f := range o.filters.All() {
			for _, v := range f.Versions {
				got = append(got, fmt.Sprintf("%s %v-%v", v.Pattern, v.From, v.To))
			}
		}
		if diff := cmp.Diff(spans, got); diff != "" {
			t.Errorf("want - got +\n%s", diff)
		}
	}
	put(10, "A")
	put(20, "B")
	want("A [10]-[20]", "B [20]-[]")
	o.next = []uint64{30}
	o.Done("DeleteMetricFilter", `{"logGroupName":"group-1","filterName":"f"}`, nil)
	want("A [10]-[20]", "B [20]-[30]")
	if got := o.filters.List(o.groups["group-1"]); len(got) != 0 {
		t.Error("deleted, and listed:", got)
	}
	o.passed = true
	put(40, "C") // what was passed is forgotten
	want("C [40]-[]")
	o.next = []uint64{50}
	o.Done("DeleteMetricFilter", `{"logGroupName":"group-1","filterName":"f"}`, nil)
	want()
}
