package metrics

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"sluice/internal/awsapi"
	"sluice/internal/vfs"
)

// protocols are those that CloudWatch speaks, as recordings call them.
var protocols = []string{"query", "json", "smithy-rpc-v2-cbor"}

// server answers the operations over a store in memory.
type server struct {
	*bench
	handler http.Handler
}

func serve(t testing.TB) *server {
	t.Helper()
	s := &server{bench: open(t, vfs.NewMem(), start.Add(10*time.Minute))}
	t.Cleanup(s.close)
	var err error
	if s.handler, err = awsapi.New(awsapi.Config{AccountID: scope.Account, Region: scope.Region}, s.store.Operations()...); err != nil {
		t.Fatal(err)
	}
	return s
}

// reply is an answer in a form that all protocols share: numbers are float64,
// times are gone.
type reply struct {
	status  int
	body    map[string]any
	code    string // as the query protocol calls it
	message string
}

// call sends members, of strings, float64, time.Time, lists and maps, by a
// protocol.
func (s *server) call(protocol, operation string, in map[string]any) reply {
	s.t.Helper()
	var r *http.Request
	switch protocol {
	case "query":
		form := url.Values{"Action": {operation}, "Version": {"2010-08-01"}}
		formOf(form, "", in)
		r = httptest.NewRequest("POST", "http://localhost/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case "json":
		body, err := json.Marshal(jsonOf(in))
		if err != nil {
			s.t.Fatal(err)
		}
		r = httptest.NewRequest("POST", "http://localhost/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+operation)
		r.Header.Set("x-amzn-query-mode", "true")
	default:
		body, err := cbor.Marshal(cborOf(in))
		if err != nil {
			s.t.Fatal(err)
		}
		r = httptest.NewRequest("POST", "http://localhost/service/GraniteServiceVersion20100801/operation/"+operation, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/cbor")
		r.Header.Set("smithy-protocol", "rpc-v2-cbor")
		r.Header.Set("x-amzn-query-mode", "true")
	}
	// The service is the credential's.
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return s.read(protocol, operation, w.Result())
}

func (s *server) read(protocol, operation string, resp *http.Response) reply {
	s.t.Helper()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := reply{status: resp.StatusCode, body: map[string]any{}}
	switch {
	case protocol == "query":
		node, err := parseXML(raw)
		if err != nil {
			s.t.Fatalf("%s: %s", err, raw)
		}
		if e, ok := node.(map[string]any)["Error"].(map[string]any); ok {
			out.code, _ = e["Code"].(string)
			out.message, _ = e["Message"].(string)
			return out
		}
		out.body, _ = node.(map[string]any)[operation+"Result"].(map[string]any)
		return out
	case len(raw) == 0:
		return out
	case protocol == "json":
		err = json.Unmarshal(raw, &out.body)
	default:
		mode, _ := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
		err = mode.Unmarshal(raw, &out.body)
	}
	if err != nil {
		s.t.Fatalf("%s: %q", err, raw)
	}
	out.message, _ = out.body["message"].(string)
	out.code, _, _ = strings.Cut(strings.Join(resp.Header["x-amzn-query-error"], ""), ";") // as the server spells it
	return out
}

func formOf(form url.Values, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			formOf(form, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case []any:
		for i, item := range v {
			formOf(form, path+".member."+strconv.Itoa(i+1), item)
		}
	case float64:
		form.Set(path, strconv.FormatFloat(v, 'g', -1, 64))
	case time.Time:
		form.Set(path, v.Format(time.RFC3339))
	default:
		form.Set(path, fmt.Sprint(v))
	}
}

func jsonOf(v any) any {
	return convert(v, func(t time.Time) any { return t.Unix() })
}

func cborOf(v any) any {
	return convert(v, func(t time.Time) any { return cbor.Tag{Number: 1, Content: t.Unix()} })
}

// integers are members that are no doubles.
var integers = map[string]bool{"Period": true, "StorageResolution": true, "MaxDatapoints": true}

func convert(v any, stamp func(time.Time) any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			out[name] = convert(member, stamp)
			if f, ok := member.(float64); ok && integers[name] {
				out[name] = int64(f)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, convert(item, stamp))
		}
		return out
	case time.Time:
		return stamp(v)
	}
	return v
}

// parseXML makes maps of elements, and lists of those that hold members.
func parseXML(raw []byte) (any, error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, ok := token.(xml.StartElement); ok {
			return parseElement(d)
		}
	}
}

func parseElement(d *xml.Decoder) (any, error) {
	members, list, text := map[string]any{}, []any(nil), ""
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token)
		case xml.StartElement:
			v, err := parseElement(d)
			if err != nil {
				return nil, err
			}
			if token.Name.Local == "member" {
				list = append(list, v)
			} else {
				members[token.Name.Local] = v
			}
		case xml.EndElement:
			switch {
			case list != nil:
				return list, nil
			case len(members) > 0:
				return members, nil
			}
			return text, nil
		}
	}
}

// lists and numbers are members that XML does not tell from text.
var (
	lists   = map[string]bool{"Messages": true, "MetricDataResults": true, "Values": true, "Datapoints": true, "Metrics": true, "Dimensions": true, "Timestamps": true}
	numbers = map[string]bool{"Average": true, "Sum": true, "Minimum": true, "Maximum": true, "SampleCount": true, "Values": true}
)

// plain is an answer as recordings have it: floats, no times.
func plain(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			out[name] = plain(name, member)
		}
		return out
	case []any:
		if name == "Timestamps" {
			return "timestamp"
		}
		out := []any{}
		for _, item := range v {
			out = append(out, plain(name, item))
		}
		return out
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil && numbers[name] {
			return f
		}
		if v == "" && lists[name] {
			return plain(name, []any{})
		}
		if name == "Timestamp" {
			return "timestamp"
		}
		return v
	case uint64:
		return plain(name, float64(v))
	case int64:
		return plain(name, float64(v))
	case float64:
		if name == "Timestamp" {
			return "timestamp"
		}
		return v
	case time.Time:
		return "timestamp"
	}
	return v
}

// recordings are the answers recorded from AWS.
type recordings map[string]struct {
	Content map[string]any `json:"recorded-content"`
}

func record(t *testing.T) recordings {
	t.Helper()
	dir := os.Getenv("SLUICE_SHARED")
	for at, _ := os.Getwd(); dir == "" && at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			dir = filepath.Join(filepath.Dir(at), "shared")
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "oracles", "aws-recorded", "cloudwatch.json"))
	if err != nil {
		t.Skipf("no recordings: %v", err)
	}
	var r recordings
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// same compares an answer with a recorded one; replace names what recordings
// have placeholders for.
func (r recordings) same(t *testing.T, got reply, test, entry string, replace ...string) {
	t.Helper()
	for name, recorded := range r {
		if !strings.HasSuffix(name, "::"+test) {
			continue
		}
		want, ok := recorded.Content[entry].(map[string]any)
		if !ok {
			t.Errorf("no entry %s of %s", entry, test)
			return
		}
		if e, ok := want["Error"].(map[string]any); ok {
			wantReply := []any{e["Code"], e["Message"], http.StatusBadRequest}
			if diff := cmp.Diff(wantReply, []any{got.code, got.message, got.status}); diff != "" {
				t.Errorf("%s, %s: AWS's - ours +\n%s", test, entry, diff)
			}
			return
		}
		want = plain("", want).(map[string]any)
		delete(want, "ResponseMetadata")
		body, _ := json.Marshal(plain("", got.body))
		text := strings.NewReplacer(replace...).Replace(string(body))
		var ours map[string]any
		if err := json.Unmarshal([]byte(text), &ours); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, ours, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); diff != "" {
			t.Errorf("%s, %s: AWS's - ours +\n%s", test, entry, diff)
		}
		return
	}
	t.Errorf("no recording of %s", test)
}

type (
	object = map[string]any
	list   = []any
)

// put puts data and fails if that fails.
func (s *server) putData(protocol, namespace string, data ...object) {
	s.t.Helper()
	all := list{}
	for _, d := range data {
		all = append(all, d)
	}
	if r := s.call(protocol, "PutMetricData", object{"Namespace": namespace, "MetricData": all}); r.status != http.StatusOK {
		s.t.Fatal(r.status, r.code, r.message)
	}
}

func queryOf(id, namespace, name, stat string, period float64, more ...string) object {
	m := object{"Metric": object{"Namespace": namespace, "MetricName": name}, "Period": period, "Stat": stat}
	for i := 0; i < len(more); i += 2 {
		if more[i] == "Unit" {
			m["Unit"] = more[i+1]
		} else {
			m["Metric"].(object)["Dimensions"] = list{object{"Name": more[i], "Value": more[i+1]}}
		}
	}
	return object{"Id": id, "MetricStat": m}
}

func (s *server) data(protocol string, queries ...any) reply {
	return s.call(protocol, "GetMetricData", object{"MetricDataQueries": list(queries), "StartTime": start.Add(-time.Hour), "EndTime": start.Add(time.Hour)})
}

func TestRecordedMetricData(t *testing.T) {
	r := record(t)
	for _, p := range protocols {
		name := func(test string) string { return test + "[" + p + "]" }
		s := serve(t)
		s.putData(p, "ns1", object{"MetricName": "metric1", "Value": 25.0}, object{"MetricName": "metric1", "Value": 25.0},
			object{"MetricName": "metric2", "Value": 25.0}, object{"MetricName": "metric3", "Value": 55.0})
		r.same(t, s.data(p, queryOf("result1", "ns1", "metric1", "Sum", 60), queryOf("result2", "ns1", "metric2", "Sum", 60), queryOf("result3", "ns1", "metric3", "Sum", 60)),
			name("test_get_metric_data_for_multiple_metrics"), "get_metric_data")
		r.same(t, s.data(p, queryOf("result", "ns1", "none", "Sum", 60)), name("test_get_metric_with_no_results"), "result", "none", "<label:1>")

		s.putData(p, "dims", object{"MetricName": "metric1", "Value": 11.0, "Dimensions": list{object{"Name": "InstanceId", "Value": "one"}}},
			object{"MetricName": "metric1", "Value": 88.0, "Dimensions": list{object{"Name": "InstanceId", "Value": "two"}}})
		r.same(t, s.data(p, queryOf("result1", "dims", "metric1", "Sum", 60, "InstanceId", "one")), name("test_get_metric_data_with_dimensions"), "get_metric_data")
		r.same(t, s.data(p, queryOf("m", "dims", "metric1", "Sum", 60)), name("test_get_metric_with_null_dimensions"), "get_metric_with_null_dimensions", `"m"`, `"<id:1>"`, "metric1", "<label:1>")

		var eleven []object
		for v := range 11 {
			eleven = append(eleven, object{"MetricName": "metric1", "Value": float64(v + 1)})
		}
		s.putData(p, "stats", eleven...)
		for _, stat := range []string{"Sum", "SampleCount", "Minimum", "Maximum", "Average"} {
			r.same(t, s.data(p, queryOf("result1", "stats", "metric1", stat, 60)), "test_get_metric_data_stats["+p+"-"+stat+"]", "get_metric_data")
		}

		s.putData(p, "zero", object{"MetricName": "metric1", "StatisticValues": object{"SampleCount": 6.0, "Sum": 116.5, "Minimum": 0.0, "Maximum": 100.0}})
		r.same(t, s.data(p, queryOf("result_Average", "zero", "metric1", "Average", 60), queryOf("result_Sum", "zero", "metric1", "Sum", 60),
			queryOf("result_Minimum", "zero", "metric1", "Minimum", 60), queryOf("result_Maximum", "zero", "metric1", "Maximum", 60)),
			name("test_get_metric_data_with_zero_and_labels"), "get_metric_data_with_zero_and_labels")

		s.putData(p, "labels", object{"MetricName": "metric1", "Unit": "Seconds", "Values": list{0.0, 9.0, 100.0}})
		for i, pair := range [][2][3]string{
			{{"Sum", "60", "Seconds"}, {"Minimum", "30", "Seconds"}}, {{"Sum", "60", "Seconds"}, {"Minimum", "60", "Seconds"}},
			{{"Sum", "60", "Seconds"}, {"Sum", "30", "Seconds"}}, {{"Sum", "60", "Seconds"}, {"Minimum", "30", "Milliseconds"}},
			{{"Sum", "60", "Seconds"}, {"Minimum", "60", "Milliseconds"}}, {{"Sum", "60", "Seconds"}, {"Sum", "30", "Milliseconds"}},
			{{"Sum", "60", "Seconds"}, {"Sum", "60", "Milliseconds"}},
		} {
			var queries []any
			for _, q := range pair {
				period, _ := strconv.ParseFloat(q[1], 64)
				queries = append(queries, queryOf("result_"+strings.Join(q[:], "_"), "labels", "metric1", q[0], period, "Unit", q[2]))
			}
			r.same(t, s.data(p, queries...), fmt.Sprintf("test_label_generation[%s-input_pairs%d]", p, i), "label_generation")
		}

		s.putData(p, "units", object{"MetricName": "m-test", "Value": 1.0, "Unit": "Seconds"}, object{"MetricName": "m-test", "Value": 5.0, "Unit": "Count"}, object{"MetricName": "m-test", "Value": 10.0})
		r.same(t, s.data(p, queryOf("m1", "units", "m-test", "Average", 60, "Unit", "Seconds")), name("test_get_metric_data_with_different_units"), "get_metric_data_with_different_units")

		s.putData(p, "two", object{"MetricName": "some", "Value": 23.0}, object{"MetricName": "some", "Value": 18.0}, object{"MetricName": "part", "Value": 23.0})
		got := s.data(p, queryOf("some", "two", "some", "Sum", 60), queryOf("part", "two", "part", "Sum", 60))
		if p == "query" { // the recording is the XML itself
			got.body = object{"GetMetricDataResponse": got.body}
			if len(plain("", got.body).(object)["GetMetricDataResponse"].(object)["MetricDataResults"].(list)) != 2 {
				t.Error(got.body)
			}
		} else {
			r.same(t, got, name("test_basic_operations_multiple_protocols"), "get-metric-data", `"Label":"some"`, `"Label":"<label:1>"`, `"Label":"part"`, `"Label":"<label:2>"`)
		}
	}
}

func (s *server) statistics(protocol, namespace, name string, from, to time.Time, period float64, stats ...any) reply {
	return s.call(protocol, "GetMetricStatistics", object{"Namespace": namespace, "MetricName": name, "StartTime": from, "EndTime": to, "Period": period, "Statistics": list(stats)})
}

func TestRecordedMetricStatistics(t *testing.T) {
	r := record(t)
	hour := [2]time.Time{start, start.Add(time.Hour)}
	for _, p := range protocols {
		name := func(test string) string { return test + "[" + p + "]" }
		s := serve(t)
		s.putData(p, "values", object{"MetricName": "test-metric", "Unit": "Count", "Values": list{1.0, 10.0}, "Counts": list{2.0, 4.0}})
		r.same(t, s.statistics(p, "values", "test-metric", hour[0], hour[1], 60, "Sum", "SampleCount", "Maximum"), name("test_put_metric_data_values_list"), "get_metric_statistics")

		var ten []object
		for v := range 10 {
			ten = append(ten, object{"MetricName": "metric", "Value": float64(v)})
		}
		s.putData(p, "ten", ten...)
		r.same(t, s.statistics(p, "ten", "metric", hour[0], hour[1], 60, "Average", "Sum", "Minimum", "Maximum", "SampleCount"), name("test_get_metric_statistics"), "get_metric_statistics")

		s.putData(p, "units", object{"MetricName": "m-test", "Value": 1.0, "Unit": "Seconds"}, object{"MetricName": "m-test", "Value": 5.0, "Unit": "Count"}, object{"MetricName": "m-test", "Value": 10.0})
		got := s.statistics(p, "units", "m-test", hour[0], hour[1], 60, "Average")
		if points, ok := got.body["Datapoints"].(list); ok && len(points) == 3 { // AWS's have no order
			got.body["Datapoints"] = list{points[1], points[0], points[2]}
		}
		r.same(t, got, name("test_handle_different_units"), "get_metric_statistics_with_different_units")

		const test = "test_invalid_amount_of_datapoints"
		r.same(t, s.statistics(p, "n", "metric_name", start, start.Add(24*time.Hour), 1, "SampleCount"), name(test), "error-invalid-amount-datapoints")
		r.same(t, s.statistics(p, "n", "metric_name", start, start, 60, "SampleCount"), name(test), "error-invalid-time-frame")
		r.same(t, s.statistics(p, "n", "metric_name", start, start.Add(time.Hour), 60, "SampleCount"), name(test), "get-metric-statitics")

		six := list{}
		for _, d := range [][2]string{{"uri", "/greetings"}, {"error", "none"}, {"exception", "none"}, {"method", "GET"}, {"outcome", "SUCCESS"}, {"status", "200"}} {
			six = append(six, object{"Name": d[0], "Value": d[1]})
		}
		s.putData(p, "http", object{"MetricName": "http.server.requests.count", "Value": 5.0, "Dimensions": six})
		q := queryOf("result1", "http", "http.server.requests.count", "Maximum", 60)
		q["MetricStat"].(object)["Metric"].(object)["Dimensions"] = six
		r.same(t, s.data(p, q), name("test_multiple_dimensions_statistics"), "get-metric-stats-max")
		r.same(t, s.call(p, "ListMetrics", object{"Namespace": "http"}), name("test_multiple_dimensions_statistics"), "list-metrics", `"http"`, `"<namespace:1>"`)
	}
}

func TestRecordedRefusals(t *testing.T) {
	r := record(t)
	for _, p := range protocols {
		s := serve(t)
		put := func(d object) reply {
			return s.call(p, "PutMetricData", object{"Namespace": "n", "MetricData": list{d}})
		}
		test := "test_put_metric_data_validation[" + p + "]"
		r.same(t, put(object{"MetricName": "m", "Value": 1.0, "Values": list{1.0}}), test, "invalid-param-combination")
		r.same(t, put(object{"MetricName": "m", "Values": list{1.0, 2.0}, "Counts": list{1.0}}), test, "invalid-param-value")
		r.same(t, put(object{"MetricName": "m", "Value": 1.0, "StatisticValues": object{"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}}), test, "invalid-param-combination-2")
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t)
	f := func(operation string, in object, code string) {
		t.Helper()
		if got := s.call("json", operation, in); got.code != code || got.message == "" {
			t.Errorf("%v\nanswer %d %q %q, want %s", in, got.status, got.code, got.message, code)
		}
	}
	datum := func(member string, v any) object {
		d := object{"MetricName": "m", "Value": 1.0}
		if d[member] = v; v == nil {
			delete(d, member)
		}
		return object{"Namespace": "n", "MetricData": list{d}}
	}
	const value, missing = "InvalidParameterValue", "MissingParameter"
	f("PutMetricData", object{"MetricData": list{}}, missing)
	f("PutMetricData", object{"Namespace": "n"}, missing)
	f("PutMetricData", datum("MetricName", nil), missing)
	f("PutMetricData", datum("Value", nil), missing)
	f("PutMetricData", datum("Value", "NaN"), value)
	f("PutMetricData", datum("Unit", "Apples"), value)
	f("PutMetricData", datum("StorageResolution", 30.0), value)
	f("PutMetricData", datum("Timestamp", start.Add(-15*24*time.Hour)), value)
	f("PutMetricData", datum("Timestamp", start.Add(3*time.Hour)), value)
	f("PutMetricData", datum("Dimensions", list{object{"Name": "a", "Value": ""}}), missing)
	f("GetMetricData", object{"StartTime": start, "EndTime": start.Add(time.Hour), "MetricDataQueries": list{object{"Id": "e1", "Expression": "m1*2"}}}, "ValidationError")
	f("GetMetricData", object{"StartTime": start, "EndTime": start.Add(time.Hour), "MetricDataQueries": list{queryOf("m", "n", "m", "p101", 60)}}, value)
	f("GetMetricData", object{"StartTime": start, "EndTime": start.Add(time.Hour), "MetricDataQueries": list{queryOf("m", "n", "m", "Sum", 61)}}, value)
	f("GetMetricStatistics", object{"Namespace": "n", "MetricName": "m", "StartTime": start, "EndTime": start.Add(time.Hour), "Period": 60.0}, missing)
	f("GetMetricStatistics", object{"Namespace": "n", "MetricName": "m", "StartTime": start.AddDate(-400, 0, 0), "EndTime": start, "Period": 60.0, "Statistics": list{"Sum"}}, "InvalidParameterCombination")
	f("ListMetrics", object{"NextToken": "x"}, "InvalidNextToken")
}

func TestPages(t *testing.T) {
	s := serve(t)
	for i := range 3 {
		s.putData("json", "n", object{"MetricName": "m", "Value": float64(i), "Timestamp": start.Add(time.Duration(i) * time.Minute)})
	}
	var got []any
	in := object{"MetricDataQueries": list{queryOf("a", "n", "m", "Sum", 60), queryOf("b", "n", "m", "Sum", 60)}, "StartTime": start, "EndTime": start.Add(time.Hour), "MaxDatapoints": 2.0, "ScanBy": "TimestampAscending"}
	for range 10 {
		r := s.call("json", "GetMetricData", in)
		for _, result := range r.body["MetricDataResults"].([]any) {
			got = append(got, result.(map[string]any)["Values"].([]any)...)
		}
		token, more := r.body["NextToken"]
		if !more {
			break
		}
		in["NextToken"] = token
	}
	if diff := cmp.Diff([]any{0.0, 1.0, 2.0, 0.0, 1.0, 2.0}, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	d := &Deltas{}
	for i := range 1100 {
		add(d, metric(fmt.Sprintf("m%04d", i)), start, 1)
	}
	if err := s.put(false, d); err != nil {
		t.Fatal(err)
	}
	n, list := 0, object{"Namespace": "shop"}
	for range 10 {
		r := s.call("json", "ListMetrics", list)
		n += len(r.body["Metrics"].([]any))
		token, more := r.body["NextToken"]
		if !more {
			break
		}
		list["NextToken"] = token
	}
	if n != 1100 {
		t.Error(n, "metrics listed")
	}
}
