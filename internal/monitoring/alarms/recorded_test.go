package alarms

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"sluice/internal/awsapi"
)

// Answers that AWS gave are compared with ours in all three protocols.

// recording is AWS's answers by test and entry.
func recording(t *testing.T) map[string]map[string]any {
	t.Helper()
	dir := os.Getenv("SLUICE_SHARED")
	if dir == "" {
		here, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; here != filepath.Dir(here); here = filepath.Dir(here) {
			if _, err := os.Stat(filepath.Join(here, "go.mod")); err == nil {
				dir = filepath.Join(filepath.Dir(here), "shared")
				break
			}
		}
	}
	name := filepath.Join(dir, "oracles", "aws-recorded", "cloudwatch.json")
	file, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("no recordings: %v", err)
	}
	var tests map[string]struct {
		Content map[string]any `json:"recorded-content"`
	}
	if err := json.Unmarshal(file, &tests); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out := map[string]map[string]any{}
	for test, r := range tests {
		out[test[strings.LastIndex(test, "::")+2:]] = r.Content
	}
	return out
}

// wire is a protocol.
type wire struct {
	name   string // as recordings call it
	send   func(operation string, in object) *http.Request
	decode func(body []byte) (any, error)
}

var wires = []wire{
	{"json", sendJSON, func(b []byte) (out any, err error) {
		if len(b) == 0 {
			return object{}, nil
		}
		return out, json.Unmarshal(b, &out)
	}},
	{"query", sendForm, decodeXML},
	{"smithy-rpc-v2-cbor", sendCBOR, func(b []byte) (any, error) {
		if len(b) == 0 {
			return object{}, nil
		}
		var out map[string]any
		mode, err := cbor.DecOptions{DefaultMapType: nil, TimeTag: cbor.DecTagOptional}.DecMode()
		if err != nil {
			return nil, err
		}
		err = mode.Unmarshal(b, &out)
		return plain(out), err
	}},
}

func sendJSON(operation string, in object) *http.Request {
	body, _ := json.Marshal(in)
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+operation)
	r.Header.Set("X-Amzn-Query-Mode", "true")
	return r
}

func sendForm(operation string, in object) *http.Request {
	form := url.Values{"Action": {operation}, "Version": {"2010-08-01"}}
	var put func(path string, v any)
	put = func(path string, v any) {
		switch v := v.(type) {
		case object:
			for name, member := range v {
				put(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []object:
			for i, member := range v {
				put(fmt.Sprintf("%s.member.%d", path, i+1), member)
			}
		case []string:
			for i, member := range v {
				put(fmt.Sprintf("%s.member.%d", path, i+1), member)
			}
		default:
			form.Set(path, fmt.Sprint(v))
		}
	}
	put("", in)
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func sendCBOR(operation string, in object) *http.Request {
	body, _ := cbor.Marshal(in)
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/service/GraniteServiceVersion20100801/operation/"+operation, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/cbor")
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	r.Header.Set("X-Amzn-Query-Mode", "true")
	return r
}

// plain makes of CBOR's types those of JSON.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = plain(member)
		}
	case map[any]any:
		out := object{}
		for name, member := range v {
			out[fmt.Sprint(name)] = plain(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	}
	return v
}

// xmlNode is any element.
type xmlNode struct {
	XMLName  xml.Name
	Children []xmlNode `xml:",any"`
	Text     string    `xml:",chardata"`
}

func decodeXML(b []byte) (any, error) {
	var root xmlNode
	if err := xml.Unmarshal(b, &root); err != nil {
		return nil, err
	}
	for _, child := range root.Children {
		if strings.HasSuffix(child.XMLName.Local, "Result") || child.XMLName.Local == "Error" {
			return child.value(), nil
		}
	}
	return object{}, nil
}

// emptyLists are elements that are lists also without members.
var emptyLists = []string{
	"MetricAlarms", "CompositeAlarms", "LogAlarms", "OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions", "Tags", "AlarmHistoryItems",
}

func (n *xmlNode) value() any {
	switch {
	case slices.Contains(emptyLists, n.XMLName.Local):
		list := []any{}
		for _, child := range n.Children {
			list = append(list, child.value())
		}
		return list
	case len(n.Children) > 0 || strings.HasSuffix(n.XMLName.Local, "Result"):
		out := object{}
		for _, child := range n.Children {
			out[child.XMLName.Local] = child.value()
		}
		return out
	}
	return n.Text
}

// exchange is a world behind AWS's border, in one protocol.
type exchange struct {
	*world
	wire     wire
	api      http.Handler
	recorded map[string]map[string]any
	replace  *strings.Replacer // recording's placeholders
}

func newExchange(t *testing.T, w wire, recorded map[string]map[string]any, placeholders ...string) *exchange {
	x := &exchange{world: newWorld(t), wire: w, recorded: recorded}
	api, err := awsapi.New(awsapi.Config{AccountID: "111111111111", Region: "us-east-1"}, x.room.Operations()...)
	if err != nil {
		t.Fatal(err)
	}
	x.api = api
	x.replace = strings.NewReplacer(append(placeholders, "<partition>", "aws", "<region>", "us-east-1", "<region-name-full:1>", "US East (N. Virginia)")...)
	return x
}

type answer struct {
	status int
	header http.Header
	body   any
}

func (x *exchange) do(operation string, in object) answer {
	x.t.Helper()
	w := httptest.NewRecorder()
	x.api.ServeHTTP(w, x.wire.send(operation, in))
	body, err := io.ReadAll(w.Result().Body)
	if err == nil {
		var decoded any
		if decoded, err = x.wire.decode(body); err == nil {
			return answer{w.Code, w.Header(), decoded}
		}
	}
	x.t.Fatalf("%s over %s: %d %q: %v", operation, x.wire.name, w.Code, body, err)
	return answer{}
}

// same compares an answer with a recorded entry of a test.
func (x *exchange) same(a answer, test, entry string) {
	x.t.Helper()
	content := x.recorded[test+"["+x.wire.name+"]"]
	if content == nil {
		content = x.recorded[test]
	}
	want, ok := content[entry].(map[string]any)
	if !ok {
		x.t.Fatalf("no recording %s of %s", entry, test)
	}
	status := http.StatusOK
	if meta, ok := want["ResponseMetadata"].(map[string]any); ok {
		status = int(meta["HTTPStatusCode"].(float64))
		delete(want, "ResponseMetadata")
	}
	if a.status != status {
		x.t.Errorf("%s, %s: status %d, AWS's %d: %v", test, entry, a.status, status, a.body)
	}
	got, _ := a.body.(map[string]any)
	if _, known := want["LogAlarms"]; !known {
		delete(got, "LogAlarms") // newer than the recording
	}
	x.diff(test+", "+entry, want, got)
}

func (x *exchange) diff(what string, want, got any) {
	x.t.Helper()
	if diff := cmp.Diff(x.filled(want), masked("", x.filled(want), got)); diff != "" {
		x.t.Errorf("%s over %s: AWS's - ours +\n%s", what, x.wire.name, diff)
	}
}

// filled puts our names for the recording's placeholders.
func (x *exchange) filled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := object{}
		for name, member := range v {
			out[name] = x.filled(member)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = x.filled(v[i])
		}
		return out
	case string:
		return x.replace.Replace(v)
	}
	return v
}

var (
	inSentence = regexp.MustCompile(`\(\d\d/\d\d/\d\d \d\d:\d\d:\d\d\)`)
	isStamp    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$`)
)

// masked gives an answer the recording's masks of times, and XML's texts the
// types of what is recorded at their place.
func masked(name string, want, got any) any {
	switch v := got.(type) {
	case map[string]any:
		w, _ := want.(map[string]any)
		out := object{}
		for name, member := range v {
			out[name] = masked(name, w[name], member)
		}
		return out
	case []any:
		w, _ := want.([]any)
		out := make([]any, len(v))
		for i := range v {
			var member any
			if i < len(w) {
				member = w[i]
			}
			out[i] = masked("", member, v[i])
		}
		return out
	case time.Time:
		return "timestamp"
	case float64:
		if want == "timestamp" {
			return "timestamp"
		}
	case string:
		return maskedText(want, v)
	}
	return got
}

func maskedText(want any, got string) any {
	switch want := want.(type) {
	case map[string]any: // JSON in a text, which recordings unfold
		var inner any
		if json.Unmarshal([]byte(got), &inner) == nil {
			return masked("", want, inner)
		}
	case float64:
		if f, err := strconv.ParseFloat(got, 64); err == nil {
			return f
		}
	case bool:
		return got == "true"
	case string:
		if _, err := time.Parse(time.RFC3339, got); err == nil && want == "timestamp" {
			return "timestamp"
		}
	}
	if isStamp.MatchString(got) {
		return "date"
	}
	return inSentence.ReplaceAllString(got, "(MM/DD/YY HH:MM:SS)")
}

// minimal is the alarm of several recordings.
func minimal(name, metric string, period int) object {
	return object{
		"AlarmName": name, "MetricName": metric, "Namespace": "ns", "EvaluationPeriods": 1, "Period": period, "Statistic": "Sum",
		"ComparisonOperator": "GreaterThanThreshold", "Threshold": 30,
	}
}

// seconds is the alarm of the recordings about actions.
func seconds(metric string, changes object) object {
	in := object{
		"AlarmName": "a", "AlarmDescription": "testing cloudwatch alarms", "MetricName": metric, "Namespace": "ns", "Period": 10,
		"EvaluationPeriods": 2, "Threshold": 2, "Statistic": "Average", "Unit": "Seconds", "TreatMissingData": "ignore",
		"ComparisonOperator": "GreaterThanThreshold", "Dimensions": []object{{"Name": "InstanceId", "Value": "abc"}},
		"OKActions": []string{topic}, "AlarmActions": []string{topic}, "ActionsEnabled": true,
	}
	for k, v := range changes {
		in[k] = v
	}
	return in
}

const topic = "arn:aws:sns:us-east-1:111111111111:pages"

var names = []string{
	"<alarm-name:1>", "a", "<namespace:1>", "ns", "<metric-name:1>", "m", "<topic_arn>", "pages", "<topic_alarm>", "pages", "<topic_ok>", topic + "-ok",
}

func TestRecorded(t *testing.T) {
	scenarios := map[string]func(x *exchange){
		"describe": func(x *exchange) {
			x.do("PutMetricAlarm", minimal("a", "m", 10))
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_describe_minimal_metric_alarm", "describe_minimal_metric_alarm")
		},
		"dates": func(x *exchange) {
			x.do("PutMetricAlarm", minimal("a", "m", 60))
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_describe_alarms_converts_date_format_correctly", "describe-alarms")
		},
		"none": func(x *exchange) {
			a := x.do("DescribeAlarms", object{})
			if x.wire.name == "query" { // recorded as it was sent
				x.diff("describe", object{"CompositeAlarms": []any{}, "LogAlarms": []any{}, "MetricAlarms": []any{}}, a.body)
				return
			}
			x.same(a, "test_basic_operations_multiple_protocols", "describe-alarms")
		},
		"escapes": func(x *exchange) {
			in := minimal("a", "m", 600)
			in["Threshold"], in["AlarmDescription"] = 1, "<"
			in["AlarmActions"] = []string{"arn:aws:sns:us-east-1:111122223333:MyTopic"}
			x.do("PutMetricAlarm", in)
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_put_metric_alarm_escape_character", "describe-alarms-escaped-character")
		},
		"delete": func(x *exchange) {
			x.do("PutMetricAlarm", minimal("a", "metric1", 60))
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_delete_alarm", "describe-alarm")
			x.same(x.do("DeleteAlarms", object{"AlarmNames": []string{"a"}}), "test_delete_alarm", "delete-alarm")
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_delete_alarm", "describe-after-delete")
		},
		"set": func(x *exchange) {
			in := seconds("CPUUtilization-3", object{
				"AlarmDescription": "Test Alarm when CPU exceeds 50 percent", "Period": 300, "Threshold": 50, "Unit": "Percent",
				"Dimensions": []object{{"Name": "InstanceId", "Value": "i-0317828c84edbe100"}}, "OKActions": []string{topic + "-ok"},
			})
			x.do("PutMetricAlarm", in)
			x.do("SetAlarmState", object{"AlarmName": "a", "StateReason": "testing alarm", "StateValue": "ALARM"})
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_set_alarm", "triggered-alarm")
			x.do("SetAlarmState", object{"AlarmName": "a", "StateReason": "resetting alarm", "StateValue": "OK"})
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_set_alarm", "reset-alarm")
		},
		"errors": func(x *exchange) {
			x.do("PutMetricAlarm", minimal("a", "m", 60))
			x.sameError(x.do("SetAlarmState", object{"AlarmName": "a", "StateValue": "INVALID", "StateReason": "x"}), "error-invalid-state")
			x.sameError(x.do("SetAlarmState", object{"AlarmName": "nonexistent", "StateValue": "OK", "StateReason": "x"}), "error-resource-not-found")
		},
		"tags": func(x *exchange) {
			const test = "test_store_tags"
			in := minimal("a", "store_tags", 60)
			x.same(x.do("PutMetricAlarm", in), test, "put_metric_alarm")
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), test, "describe_alarms")
			resource := object{"ResourceARN": "arn:aws:cloudwatch:us-east-1:111111111111:alarm:a"}
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_resource_empty ")
			x.do("TagResource", object{"ResourceARN": resource["ResourceARN"], "Tags": []object{{"Key": "tag1", "Value": "foo"}, {"Key": "tag2", "Value": "bar"}}})
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_resource")
			x.do("UntagResource", object{"ResourceARN": resource["ResourceARN"], "TagKeys": []string{"tag1"}})
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_resource_post_untag")
		},
		"tagging": func(x *exchange) {
			const test = "test_tagging_metric_alarm"
			in := minimal("a", "m", 60)
			in["Tags"] = []object{{"Key": "Environment", "Value": "Production"}}
			x.same(x.do("PutMetricAlarm", in), test, "put_metric_alarm")
			resource := object{"ResourceARN": "arn:aws:cloudwatch:us-east-1:111111111111:alarm:a"}
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_resource_after_creation")
			x.do("TagResource", object{"ResourceARN": resource["ResourceARN"], "Tags": []object{{"Key": "tag1", "Value": "foo"}, {"Key": "tag2", "Value": "bar"}}})
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_resource_updated")
			x.do("UntagResource", object{"ResourceARN": resource["ResourceARN"], "TagKeys": []string{"tag1"}})
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_resource_post_untag")
			x.do("DeleteAlarms", object{"AlarmNames": []string{"a"}})
			x.same(x.do("ListTagsForResource", resource), test, "list_tags_for_deleted_resource")
		},
		"switch": func(x *exchange) {
			const test = "test_enable_disable_alarm_actions"
			describe := func(entry string) {
				x.t.Helper()
				x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), test, entry)
			}
			x.do("PutMetricAlarm", seconds("my-metric101", nil))
			describe("describe_alarm")
			x.do("SetAlarmState", object{"AlarmName": "a", "StateReason": "testing alarm", "StateValue": "ALARM"})
			describe("alarm-state-describe")
			x.advance(time.Second)
			x.sameMessage(test, "alarm-state-sqs-msg")
			x.do("DisableAlarmActions", object{"AlarmNames": []string{"a"}})
			x.do("SetAlarmState", object{"AlarmName": "a", "StateReason": "testing OK state", "StateValue": "OK"})
			describe("describe_alarm_disabled")
			describe("ok-state-action-disabled-describe")
			x.do("EnableAlarmActions", object{"AlarmNames": []string{"a"}})
			describe("describe_alarm_enabled")
		},
		"breaching": func(x *exchange) {
			x.do("PutMetricAlarm", seconds("my-metric101", object{"TreatMissingData": "breaching"}))
			x.advance(20 * time.Second)
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), "test_breaching_alarm_actions", "alarm-1-describe")
			x.sameMessage("test_breaching_alarm_actions", "alarm-1-sqs-msg")
		},
		"threshold": func(x *exchange) {
			const test = "test_put_metric_alarm"
			x.do("PutMetricAlarm", seconds("my-metric1", object{"EvaluationPeriods": 1, "Threshold": 21}))
			x.same(x.do("DescribeAlarms", object{"AlarmNames": []string{"a"}}), test, "describe-alarm")
			x.series.put(start, 21)
			x.series.put(start.Add(time.Second), 22)
			x.advance(20 * time.Second)
			x.sameMessage(test, "alarm-triggered-sqs-msg")
			x.same(x.do("DescribeAlarmHistory", object{"AlarmName": "a", "HistoryItemType": "StateUpdate"}), test, "describe-alarm-history")
			x.same(x.do("DescribeAlarmsForMetric", object{
				"MetricName": "my-metric1", "Namespace": "ns", "Dimensions": []object{{"Name": "InstanceId", "Value": "abc"}}, "Statistic": "Average",
				"Period": 10, "Unit": "Seconds",
			}), test, "describe-alarms-for-metric")
		},
	}
	for name, scenario := range scenarios {
		for _, w := range wires {
			t.Run(name+"/"+w.name, func(t *testing.T) {
				scenario(newExchange(t, w, recording(t), names...))
			})
		}
	}
}

// sameMessage compares the last message that was sent. The member of mute rules
// is newer than some recordings.
func (x *exchange) sameMessage(test, entry string) {
	x.t.Helper()
	got := x.box.all()
	if len(got) == 0 {
		x.t.Fatalf("%s: no message", test)
	}
	content := x.recorded[test+"["+x.wire.name+"]"]
	if content == nil {
		content = x.recorded[test]
	}
	var message map[string]any
	if err := json.Unmarshal([]byte(got[len(got)-1].Message), &message); err != nil {
		x.t.Fatal(err)
	}
	want := content[entry].(map[string]any)
	if _, known := want["ActionExecutedAfterMuteWindow"]; !known {
		delete(message, "ActionExecutedAfterMuteWindow")
	}
	x.diff(test+", "+entry, want, message)
}

// sameError compares an error as boto shows it: of the newer protocols the code
// is the one in the header for clients of the query protocol.
func (x *exchange) sameError(a answer, entry string) {
	x.t.Helper()
	content := x.recorded["test_set_alarm_invalid_input["+x.wire.name+"]"][entry].(map[string]any)
	want := content["Error"].(map[string]any)
	status := int(content["ResponseMetadata"].(map[string]any)["HTTPStatusCode"].(float64))
	body, _ := a.body.(map[string]any)
	code, message, fault := body["Code"], body["Message"], body["Type"]
	if x.wire.name != "query" {
		first, second, _ := strings.Cut(strings.Join(a.header["x-amzn-query-error"], ""), ";")
		code, message, fault = first, body["message"], second
		if shape, _ := body["__type"].(string); shape[strings.IndexByte(shape, '#')+1:] != want["QueryErrorCode"] {
			x.t.Errorf("%s over %s: type %s", entry, x.wire.name, shape)
		}
		if message == nil {
			message = body["Message"]
		}
	}
	if message == nil {
		message = ""
	}
	wantMessage := want["Message"]
	if wantMessage == nil {
		wantMessage = ""
	}
	if a.status != status || code != want["Code"] || message != wantMessage || fault != want["Type"] {
		x.t.Errorf("%s over %s: %d %v %v %v, AWS's %d %v", entry, x.wire.name, a.status, code, message, fault, status, want)
	}
}
