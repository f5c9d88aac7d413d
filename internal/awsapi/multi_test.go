package awsapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"
)

// A few of CloudWatch's shapes, as a room declares them.
type putMetricDataInput struct {
	Namespace  string
	MetricData []metricDatum
}

type metricDatum struct {
	MetricName        string
	Dimensions        []metricDimension
	Timestamp         *Timestamp
	Value             *float64
	StatisticValues   *statisticSet
	Values, Counts    []float64
	Unit              string
	StorageResolution *int32
}

type metricDimension struct{ Name, Value string }

type statisticSet struct{ SampleCount, Sum, Minimum, Maximum float64 }

type putMetricAlarmInput struct {
	AlarmName      string
	ActionsEnabled *bool
	AlarmActions   []string
}

type getMetricStatisticsInput struct {
	MetricName         string
	StartTime, EndTime Timestamp
	Period             int32
	Statistics         []string
}

type getMetricStatisticsOutput struct {
	Label      string
	Datapoints []datapoint
}

type datapoint struct {
	Timestamp          Timestamp
	Average            *float64           `json:",omitzero"`
	ExtendedStatistics map[string]float64 `json:",omitzero"`
	Unit               string             `json:",omitzero"`
}

type getMetricWidgetImageOutput struct{ MetricWidgetImage []byte }

type setAlarmStateInput struct{ AlarmName, StateValue, StateReason string }

// metricToys answer what they were asked, and keep the last request.
type metricToys struct {
	data  *putMetricDataInput
	alarm *putMetricAlarmInput
}

func (m *metricToys) operations() []Operation {
	return []Operation{
		Multi(CloudWatch, "PutMetricData", func(_ context.Context, _ Caller, in *putMetricDataInput) (*struct{}, error) {
			m.data = in
			return nil, nil
		}),
		Multi(CloudWatch, "PutMetricAlarm", func(_ context.Context, _ Caller, in *putMetricAlarmInput) (*struct{}, error) {
			m.alarm = in
			return nil, nil
		}),
		Multi(CloudWatch, "GetMetricStatistics", func(_ context.Context, _ Caller, in *getMetricStatisticsInput) (*getMetricStatisticsOutput, error) {
			if in.Period == 1 {
				return &getMetricStatisticsOutput{Label: in.MetricName}, nil
			}
			if !in.StartTime.Before(in.EndTime.Time) {
				return nil, &Error{Code: "InvalidParameterValueException", Message: "The parameter StartTime must be less than the parameter EndTime."}
			}
			average := math.NaN()
			return &getMetricStatisticsOutput{Label: in.MetricName + " <&>", Datapoints: []datapoint{
				{Timestamp: in.StartTime, Average: aws.Float64(41), Unit: "Count"},
				{Timestamp: Timestamp{in.EndTime.Add(123 * time.Millisecond)}, Average: &average, ExtendedStatistics: map[string]float64{"p99": 1e-9, "p50": 2.5}},
			}}, nil
		}),
		Multi(CloudWatch, "GetMetricWidgetImage", func(context.Context, Caller, *struct{}) (*getMetricWidgetImageOutput, error) {
			return &getMetricWidgetImageOutput{MetricWidgetImage: []byte{0, 0xff, 'p'}}, nil
		}),
		Multi(CloudWatch, "SetAlarmState", func(_ context.Context, _ Caller, in *setAlarmStateInput) (*struct{}, error) {
			v := CloudWatchValidation()
			v.Enum("stateValue", in.StateValue, "INSUFFICIENT_DATA", "ALARM", "OK")
			if err := v.Err(); err != nil {
				return nil, err
			}
			return nil, &Error{Code: "ResourceNotFound", Status: http.StatusNotFound}
		}),
		Multi(CloudWatch, "DescribeAlarms", func(context.Context, Caller, *struct{}) (*struct{}, error) {
			return nil, errors.New("disk is on fire")
		}),
	}
}

func metricsClient(t testing.TB, addr string) *cloudwatch.Client {
	return cloudwatch.New(cloudwatch.Options{
		BaseEndpoint: aws.String("http://" + addr), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:  client(t, &http.Transport{}),
	})
}

// TestMultiBySDK: this SDK speaks rpc-v2-cbor.
func TestMultiBySDK(t *testing.T) {
	toys := &metricToys{}
	cw := metricsClient(t, serve(t, Config{Credentials: []Credential{{AccessKey: "AKID", SecretKey: "secret"}}}, ListenConfig{}, toys.operations()...))
	ctx := t.Context()
	at := time.UnixMilli(1_700_000_000_123).UTC()
	_, err := cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("shop"), MetricData: []types.MetricDatum{{
		MetricName: aws.String("latency"), Timestamp: &at, Value: aws.Float64(1.5), StorageResolution: aws.Int32(60), Unit: types.StandardUnitSeconds,
		Dimensions: []types.Dimension{{Name: aws.String("host"), Value: aws.String("\u00e9")}},
		Values:     []float64{1, 2.25}, Counts: []float64{3, 4}, StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(1), Sum: aws.Float64(2), Minimum: aws.Float64(3), Maximum: aws.Float64(4)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := &putMetricDataInput{Namespace: "shop", MetricData: []metricDatum{{
		MetricName: "latency", Timestamp: &Timestamp{at}, Value: aws.Float64(1.5), StorageResolution: aws.Int32(60), Unit: "Seconds",
		Dimensions: []metricDimension{{"host", "\u00e9"}}, Values: []float64{1, 2.25}, Counts: []float64{3, 4}, StatisticValues: &statisticSet{1, 2, 3, 4},
	}}}
	if diff := cmp.Diff(want, toys.data); diff != "" {
		t.Errorf("input: want - got +\n%s", diff)
	}

	end := at.Add(time.Hour)
	in := &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("shop"), MetricName: aws.String("latency"), StartTime: &at, EndTime: &end, Period: aws.Int32(60), Statistics: []types.Statistic{"Average"}}
	out, err := cw.GetMetricStatistics(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if p := out.Datapoints; *out.Label != "latency <&>" || len(p) != 2 || !p[0].Timestamp.Equal(at) || *p[0].Average != 41 || p[0].Unit != "Count" ||
		!math.IsNaN(*p[1].Average) || p[1].ExtendedStatistics["p99"] != 1e-9 {
		t.Errorf("output %+v", out)
	}
	in.Period = aws.Int32(1)
	if out, err = cw.GetMetricStatistics(ctx, in); err != nil || out.Datapoints == nil || len(out.Datapoints) != 0 {
		t.Errorf("empty list: %+v, %v", out, err)
	}
	image, err := cw.GetMetricWidgetImage(ctx, &cloudwatch.GetMetricWidgetImageInput{MetricWidget: aws.String("{}")})
	if err != nil || string(image.MetricWidgetImage) != "\x00\xffp" {
		t.Errorf("blob %v, %v", image, err)
	}

	_, err = cw.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: "OK", StateReason: aws.String("r")})
	var missing *types.ResourceNotFound
	if !errors.As(err, &missing) {
		t.Errorf("got %v, want ResourceNotFound", err)
	}
	in.Period, in.EndTime = aws.Int32(60), &at
	_, err = cw.GetMetricStatistics(ctx, in)
	var invalid interface{ ErrorMessage() string }
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "InvalidParameterValue") || invalid.ErrorMessage() != "The parameter StartTime must be less than the parameter EndTime." {
		t.Errorf("got %v, want InvalidParameterValue", err)
	}
	if _, err = cw.ListMetrics(ctx, &cloudwatch.ListMetricsInput{}); smithyCode(err) != "InvalidAction" {
		t.Errorf("got %v, want InvalidAction", err)
	}
	if _, err = cw.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{}); smithyCode(err) != CodeInternalFailure {
		t.Errorf("got %v, want %s", err, CodeInternalFailure)
	}
}

// boto drives the toys by botocore in one protocol and prints what came back.
const boto = `
import sys, json, datetime, math, botocore.session, botocore.loaders
from botocore.config import Config
from botocore.exceptions import ClientError
endpoint, protocol = sys.argv[1:]
load = botocore.loaders.Loader.load_service_model
def one_protocol(self, *args, **kwargs):
    model = load(self, *args, **kwargs)
    if 'metadata' in model:
        model['metadata'].update(protocol=protocol, protocols=[protocol])
    return model
botocore.loaders.Loader.load_service_model = one_protocol
session = botocore.session.get_session()
session.set_credentials('AKID', 'secret')
cw = session.create_client('cloudwatch', region_name='us-east-1', endpoint_url=endpoint, config=Config(retries={'max_attempts': 0}))
at = datetime.datetime(2023, 11, 14, 22, 13, 20, 0, tzinfo=datetime.timezone.utc)
end = at + datetime.timedelta(hours=1)
got = []
def say(call, *keys):
    try:
        out = call()
        out.pop('ResponseMetadata')
        got.append(out)
    except ClientError as e:
        r = e.response
        got.append([r['ResponseMetadata']['HTTPStatusCode'], r['Error']['Code'], r['Error'].get('Message', '')])
say(lambda: cw.put_metric_data(Namespace='shop', MetricData=[
    {'MetricName': 'latency', 'Timestamp': at, 'Value': 1.5, 'StorageResolution': 60, 'Unit': 'Seconds', 'Dimensions': [{'Name': 'host', 'Value': '\u00e9 &=+'}],
     'Values': [1.0, 2.25], 'Counts': [3.0, 4.0], 'StatisticValues': {'SampleCount': 1.0, 'Sum': 2.0, 'Minimum': 3.0, 'Maximum': 4.0}}] + [{'MetricName': 'm%d' % i} for i in range(11)]))
say(lambda: cw.put_metric_alarm(AlarmName='a', EvaluationPeriods=1, ComparisonOperator='LessThanThreshold', ActionsEnabled=False, AlarmActions=[]))
stats = dict(Namespace='shop', MetricName='latency', StartTime=at, Statistics=['Average'])
say(lambda: cw.get_metric_statistics(EndTime=end, Period=60, **stats))
say(lambda: cw.get_metric_statistics(EndTime=end, Period=1, **stats))
say(lambda: cw.get_metric_statistics(EndTime=at, Period=60, **stats))
say(lambda: cw.get_metric_widget_image(MetricWidget='{}'))
say(lambda: cw.set_alarm_state(AlarmName='a', StateValue='INVALID', StateReason='r'))
say(lambda: cw.set_alarm_state(AlarmName='a', StateValue='OK', StateReason='r'))
say(lambda: cw.list_metrics())
def plain(v):
    if isinstance(v, bytes): return v.hex()
    if isinstance(v, datetime.datetime): return v.timestamp()
    raise TypeError(v)
print(json.dumps(got, default=plain))
`

// TestMultiByBoto: botocore speaks all three protocols, with one answer.
func TestMultiByBoto(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import botocore").Run(); err != nil {
		t.Skip("python3 has no botocore")
	}
	const want = `[{}, {}, ` +
		`{"Label": "latency <&>", "Datapoints": [{"Timestamp": 1700000000.0, "Average": 41.0, "Unit": "Count"}, {"Timestamp": 1700003600.123, "Average": NaN, "ExtendedStatistics": {"p50": 2.5, "p99": 1e-09}}]}, ` +
		`{"Label": "latency", "Datapoints": []}, ` +
		`[400, "InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime."], ` +
		`{"MetricWidgetImage": "00ff70"}, ` +
		`[400, "ValidationError", "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"], ` +
		`[404, "ResourceNotFound", ""], `
	unknown := map[string]string{
		"json":               `[400, "InvalidAction", "The operation GraniteServiceVersion20100801.ListMetrics is not supported here for the service monitoring."]]`,
		"smithy-rpc-v2-cbor": `[400, "InvalidAction", "The operation GraniteServiceVersion20100801.ListMetrics is not supported here for the service monitoring."]]`,
		"query":              `[400, "InvalidAction", "Could not find operation ListMetrics for version 2010-08-01"]]`,
	}
	for protocol, last := range unknown {
		t.Run(protocol, func(t *testing.T) {
			toys := &metricToys{}
			addr := serve(t, Config{Credentials: []Credential{{AccessKey: "AKID", SecretKey: "secret"}}}, ListenConfig{}, toys.operations()...)
			said, err := exec.CommandContext(t.Context(), "python3", "-c", boto, "http://"+addr, protocol).Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(normal(t, want+last), normal(t, string(said))); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
			if n := len(toys.data.MetricData); n != 12 || toys.data.MetricData[11].MetricName != "m10" {
				t.Fatalf("%d metrics", n)
			}
			wantFirst := metricDatum{
				MetricName: "latency", Timestamp: &Timestamp{time.UnixMilli(1_700_000_000_000).UTC()}, Value: aws.Float64(1.5), StorageResolution: aws.Int32(60), Unit: "Seconds",
				Dimensions: []metricDimension{{"host", "\u00e9 &=+"}}, Values: []float64{1, 2.25}, Counts: []float64{3, 4}, StatisticValues: &statisticSet{1, 2, 3, 4},
			}
			if diff := cmp.Diff(wantFirst, toys.data.MetricData[0]); diff != "" {
				t.Errorf("input: want - got +\n%s", diff)
			}
			if diff := cmp.Diff(&putMetricAlarmInput{AlarmName: "a", ActionsEnabled: aws.Bool(false), AlarmActions: []string{}}, toys.alarm); diff != "" {
				t.Errorf("input: want - got +\n%s", diff)
			}
		})
	}
}

// normal makes texts of JSON comparable; Python's NaN becomes a string.
func normal(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, ": NaN", `: "NaN"`)), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestForms(t *testing.T) {
	f := func(body string, want putMetricDataInput) {
		t.Helper()
		var in putMetricDataInput
		if err := unmarshalForm([]byte(body), &in); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if diff := cmp.Diff(want, in); diff != "" {
			t.Errorf("%s: want - got +\n%s", body, diff)
		}
	}
	named := func(names ...string) putMetricDataInput {
		var in putMetricDataInput
		for _, name := range names {
			in.MetricData = append(in.MetricData, metricDatum{MetricName: name})
		}
		return in
	}
	f("", putMetricDataInput{})
	f("&&Namespace=a&Namespace=b%20+c&Unknown.member.1=x", putMetricDataInput{Namespace: "b  c"})
	f("MetricData=", putMetricDataInput{MetricData: []metricDatum{}})
	f("MetricData.member.10.MetricName=c&MetricData.member.2.MetricName=b&MetricData.member.1.MetricName=a", named("a", "b", "c"))
	f("MetricData.member.1.Timestamp=2024-01-02T03:04:05.678Z&MetricData.member.1.Value=-Infinity",
		putMetricDataInput{MetricData: []metricDatum{{Timestamp: &Timestamp{time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC)}, Value: aws.Float64(math.Inf(-1))}}})
	f("MetricData.member.1.Values.member.1=1e3&MetricData.member.1.Values.member.2=2", putMetricDataInput{MetricData: []metricDatum{{Values: []float64{1000, 2}}}})

	fails := func(body, want string) {
		t.Helper()
		var in putMetricDataInput
		err := unmarshalForm([]byte(body), &in)
		if CodeOf(err) != CodeSerialization || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	fails("Namespace=%zz", "invalid URL escape")
	fails("Namespace=%ff", "invalid UTF-8")
	fails("MetricData.member.x.Value=1", "MetricData.member.x.Value is not numbered")
	fails("MetricData.member.1.Value=1&MetricData.member.01.Value=1", "MetricData.member.1 is given twice")
	fails("MetricData.member.1.Value=x", `MetricData.member.1.Value: "x" is not a number in range`)
	fails("MetricData.member.1.StorageResolution=3000000000", "is not an integer in range")
	fails("MetricData.member.1.Timestamp=yesterday", "is not a time in ISO 8601")
	fails(strings.Repeat("&", maxQueryPairs), "too many parameters")

	type chain struct{ A *chain }
	if err := unmarshalForm([]byte(strings.Repeat("A.", 100)+"A=1"), new(chain)); CodeOf(err) != CodeSerialization {
		t.Errorf("depth: %v", err)
	}
	var m struct{ Attributes map[string]string }
	if err := unmarshalForm([]byte("Attributes.entry.1.key=k&Attributes.entry.1.value=v&Attributes.entry.2.key=&Attributes.entry.2.value="), &m); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"k": "v", "": ""}, m.Attributes); diff != "" {
		t.Error(diff)
	}
}

func TestXMLNumbers(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := string(appendXMLFloat(nil, v)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0, "0.0")
	f(41, "41.0")
	f(-2.5, "-2.5")
	f(1e10, "1.0E10")
	f(1.25e-9, "1.25E-9")
	f(math.Inf(1), "Infinity")
	f(math.NaN(), "NaN")
}

func TestCBORLimits(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		var in putMetricDataInput
		err := unmarshalCBOR([]byte(body), &in)
		if CodeOf(err) != CodeSerialization || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: got %v, want %s", body, err, want)
		}
	}
	f("\xa1", "unexpected EOF")
	f("\xa1\x69Namespace\x01", "positive integer cannot be converted to the type of Namespace")
	f("\xa1\x69Namespace\x61\xff", "invalid UTF-8")
	f("\xa2\x69Namespace\x61a\x69Namespace\x61b", "duplicate")
	f(strings.Repeat("\x81", 1000)+"\x01", "exceeded max nested level")
	f("\xa1\x6aMetricData\x9a\xff\xff\xff\xff", "exceeded max number of elements")
	f("\xa0\xa0", "extraneous data")
}

func FuzzForm(f *testing.F) {
	f.Add("MetricData.member.1.Value=1&Namespace=a+b%20c&MetricData.member.2.Values.member.1=NaN")
	f.Add("Action=PutMetricData&Version=2010-08-01&MetricData=")
	f.Fuzz(func(t *testing.T, body string) {
		var in putMetricDataInput
		if err := unmarshalForm([]byte(body), &in); err != nil {
			if CodeOf(err) != CodeSerialization {
				t.Error(err)
			}
			return
		}
		appendResponseXML(nil, CloudWatch, "X", "id", &in)
	})
}

// FuzzCBOR: what can be decoded comes back the same after being encoded.
func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\xa1\x69Namespace\x61a"))
	f.Add([]byte("\xbf\x6aMetricData\x9f\xa1\x69Timestamp\xc1\xfb\x41\xd9\x55\x1a\x20\x00\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in, again putMetricDataInput
		if err := unmarshalCBOR(body, &in); err != nil {
			if CodeOf(err) != CodeSerialization {
				t.Error(err)
			}
			return
		}
		encoded, err := appendCBOR(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		if err := unmarshalCBOR(encoded, &again); err != nil {
			t.Errorf("%x of %x: %v", encoded, body, err)
		}
	})
}

// TestMultiWithoutOutput: what stands in an answer that has nothing to say.
func TestMultiWithoutOutput(t *testing.T) {
	addr := serve(t, Config{}, ListenConfig{}, (&metricToys{}).operations()...)
	f := func(path, header, value, contentType, body, wantType, wantBody string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+path, strings.NewReader(body))
		r.Header.Set(header, value)
		r.Header.Set("Content-Type", contentType)
		answer, err := client(t, &http.Transport{}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got, _ := io.ReadAll(answer.Body)
		text := strings.ReplaceAll(string(got), answer.Header.Get("X-Amzn-Requestid"), "<id>")
		if answer.StatusCode != 200 || text != wantBody || answer.Header.Get("Content-Type") != wantType {
			t.Errorf("%s: %s %s %q", contentType, answer.Status, answer.Header, text)
		}
	}
	f("/", "X-Amz-Target", "GraniteServiceVersion20100801.PutMetricData", contentTypeJSON10, `{}`, contentTypeJSON10, "")
	f("/service/GraniteServiceVersion20100801/operation/PutMetricData", "Smithy-Protocol", "rpc-v2-cbor", contentTypeCBOR, "\xa0", "", "")
	f("/", "Accept", "*/*", contentTypeForm+"; charset=utf-8", "Action=PutMetricData&Version=2010-08-01&Namespace=n", contentTypeXML,
		`<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><ResponseMetadata><RequestId><id></RequestId></ResponseMetadata></PutMetricDataResponse>`+"\n")
}
