package filter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"

	"sluice/filter"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/logsapi/logsapitest"
)

const (
	lakeARN = "arn:aws:firehose:us-east-1:111111111111:deliverystream/lake"
	role    = "arn:aws:iam::111111111111:role/r"
)

var created = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// operations is the operations on subscription filters over a catalog in memory
// with log group group-1 and the delivery streams lake and, fed by a Kinesis stream,
// source.
type operations struct {
	*logsapitest.Server
	t       *testing.T
	catalog *catalog.Catalog
	store   *failingStore
	clock   *clock.Test
	group   catalog.LogGroup
	next    []uint64 // positions of the log
}

func (o *operations) Next() []uint64 { return o.next }

// failingStore refuses commits while err is set.
type failingStore struct {
	catalog.Store
	err error
}

func (f *failingStore) Commit(changes []catalog.Change) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Commit(changes)
}

func serveOperations(t *testing.T, filtersPerGroup int) *operations {
	t.Helper()
	o := &operations{t: t, store: &failingStore{Store: catalog.NewMemory()}, clock: clock.NewTest(created), next: []uint64{1, 1}}
	var err error
	if o.catalog, err = catalog.Open(o.store); err != nil {
		t.Fatal(err)
	}
	if o.group, err = o.catalog.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "group-1"}); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"lake": "DirectPut", "source": "KinesisStreamAsSource"} {
		if _, err := o.catalog.CreateDeliveryStream(catalog.DeliveryStream{Scope: logsapitest.Scope, Name: name, Type: kind}); err != nil {
			t.Fatal(err)
		}
	}
	api, err := filter.NewAPI(filter.APIConfig{Catalog: o.catalog, Positions: o, Clock: o.clock, FiltersPerGroup: filtersPerGroup})
	if err != nil {
		t.Fatal(err)
	}
	o.Server = logsapitest.Serve(t, api.Operations()...)
	return o
}

// put is a request for a filter on that group with more members.
func put(name, text, destination, more string) string {
	return fmt.Sprintf(`{"logGroupName":"group-1","filterName":%q,"filterPattern":%q,"destinationArn":%q%s}`, name, text, destination, more)
}

const withRole = `,"roleArn":"` + role + `"`

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestRecordedSubscriptionFilters(t *testing.T) {
	r := logsapitest.Record(t, "logs_subscription_filters.json")
	o := serveOperations(t, filter.AWSFiltersPerGroup)
	const plain, updates = "TestSubscriptionFilters::", "TestSubscriptionFilterUpdates::"
	const function = "arn:aws:lambda:us-east-1:111111111111:function:handler"
	r.Same(t, o.Call("DescribeSubscriptionFilters", `{"logGroupName":"group-1"}`), plain+"test_describe_subscription_filters_empty", "describe-subscription-filters-empty")
	r.Same(t, o.Call("DescribeSubscriptionFilters", `{"logGroupName":"x"}`), plain+"test_describe_subscription_filters_log_group_not_found", "error-log-group-not-found")
	r.Same(t, o.Call("DeleteSubscriptionFilter", `{"logGroupName":"x","filterName":"f"}`), updates+"test_delete_subscription_filter_errors", "error-log-group-not-found")
	r.Same(t, o.Call("DeleteSubscriptionFilter", `{"logGroupName":"group-1","filterName":"f"}`), updates+"test_delete_subscription_filter_errors", "error-filter-not-found")
	foreign := strings.Replace(function, "111111111111", "000000000000", 1)
	r.Same(t, o.Call("PutSubscriptionFilter", strings.Replace(put("f", "", foreign, ""), `"group-1"`, `"x"`, 1)), updates+"test_put_subscription_filter_errors", "error-log-group-not-found")
	r.Same(t, o.Call("PutSubscriptionFilter", put("f", "", foreign, "")), updates+"test_put_subscription_filter_errors", "error-lambda-not-found")
	r.Same(t, o.Call("PutSubscriptionFilter", put("f", "", "arn:aws:kinesis:us-east-1:111111111111:stream/s", "")), updates+"test_put_subscription_filter_errors", "error-kinesis-not-found")

	// The recorded filters have a function as destination, which Put refuses here.
	o.define("test", "", function)
	r.Same(t, o.Call("DescribeSubscriptionFilters", `{"logGroupName":"group-1"}`), plain+"test_put_subscription_filter_lambda", "describe_subscription_filter",
		"handler", "<resource:1>", "group-1", "<log-group-name:1>")
	o.define("test", "[]", function)
	r.Same(t, o.Call("DescribeSubscriptionFilters", `{"logGroupName":"group-1"}`), updates+"test_put_subscription_filter_update", "updated-filter",
		function, "<function-arn>", "group-1", "<log-group-name>")
	o.Done("PutSubscriptionFilter", put("second", "", lakeARN, withRole), nil)
	r.Same(t, o.Call("PutSubscriptionFilter", put("third", "", lakeARN, withRole)), updates+"test_put_subscription_filter_limit_exceeded", "error-limit-exceeded")
	o.Done("PutSubscriptionFilter", put("second", "ERROR", lakeARN, withRole), nil) // a change does not count
}

// define puts a filter past the operations.
func (o *operations) define(name, text, destination string) {
	o.t.Helper()
	f := catalog.SubscriptionFilter{GroupUID: o.group.UID, Name: name, Pattern: text, DestinationARN: destination, Distribution: "ByLogStream"}
	if _, err := o.catalog.PutSubscriptionFilter(f, o.Next, nil); err != nil {
		o.t.Fatal(err)
	}
}

func TestSubscriptionFilterTexts(t *testing.T) {
	o := serveOperations(t, 0)
	f := func(body, want string) {
		t.Helper()
		o.Refused("PutSubscriptionFilter", body, want)
	}
	const (
		one        = "InvalidParameterException: 1 validation error detected: Value "
		group      = "ResourceNotFoundException: The specified log group does not exist."
		firehose   = "InvalidParameterException: Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state."
		kinesis    = "InvalidParameterException: Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state."
		long       = "Member must have length less than or equal to "
		kinesisARN = "arn:aws:kinesis:us-east-1:111111111111:stream/s"
		lambdaARN  = "arn:aws:lambda:us-east-1:111111111111:function:handler"
		ipe        = "InvalidParameterException: "
	)
	x513, x1025 := strings.Repeat("x", 513), strings.Repeat("x", 1025)
	f(`{"filterName":"f","filterPattern":"","destinationArn":"`+lakeARN+`"}`, one+"null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	f(`{"logGroupName":"group-1","filterName":"f","destinationArn":"`+lakeARN+`"}`, one+"null at 'filterPattern' failed to satisfy constraint: Member must not be null")
	f(`{"logGroupName":"group-1","filterName":"f","filterPattern":""}`, one+"null at 'destinationArn' failed to satisfy constraint: Member must not be null")
	f(put(x513, "", lakeARN, withRole), one+"'"+x513+"' at 'filterName' failed to satisfy constraint: "+long+"512")
	f(put("a:b", "", lakeARN, withRole), one+"'a:b' at 'filterName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*")
	f(put("f", x1025, lakeARN, withRole), one+"'"+x1025+"' at 'filterPattern' failed to satisfy constraint: "+long+"1024")
	f(put("f", "", lakeARN, withRole+`,"distribution":"Fair"`), one+"'Fair' at 'distribution' failed to satisfy constraint: Member must satisfy enum value set: [Random, ByLogStream]")
	f(put("f", "", lakeARN, withRole+`,"fieldSelectionCriteria":"@aws.zone = \"x\""`), ipe+`The provided field selection criteria is invalid: expected @aws.account, @aws.region or @source.log at offset 0, found "@aws.zone"`)
	f(put("f", "", lakeARN, withRole+`,"emitSystemFields":["@aws.zone"]`), one+"'@aws.zone' at 'emitSystemFields' failed to satisfy constraint: Member must satisfy enum value set: [@aws.account, @aws.region, @source.log]")

	f(put("f", "", "lake", withRole), ipe+"destinationArn is not a valid ARN")
	f(put("f", "", "arn:aws:s3:::lake", ""), ipe+"PutSubscriptionFilter operation cannot work with destinationArn for vendor s3")
	f(put("f", "", lakeARN, ""), ipe+"destinationArn for vendor firehose cannot be used without roleArn")
	f(put("f", "", kinesisARN, ""), ipe+"destinationArn for vendor kinesis cannot be used without roleArn")
	f(put("f", "", kinesisARN, withRole), kinesis)
	f(put("f", "", lambdaARN, withRole), ipe+"destinationArn for vendor lambda cannot be used with roleArn")
	f(put("f", "", lambdaARN, ""), ipe+"Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.")
	f(put("f", "", "arn:aws:logs:us-east-1:222222222222:destination:d", ""), ipe+"Could not deliver test message to specified destination. Check if the destination is valid.")
	f(put("f", "", "arn:aws:logs:us-east-1:111111111111:log-group:group-1", ""), ipe+"PutSubscriptionFilter operation cannot work with destinationArn for vendor logs")

	f(put("f", "", strings.Replace(lakeARN, "lake", "pond", 1), withRole), firehose)
	f(put("f", "", strings.Replace(lakeARN, "us-east-1", "eu-west-1", 1), withRole), firehose)
	f(put("f", "", strings.Replace(lakeARN, "111111111111", "222222222222", 1), withRole), firehose)
	f(put("f", "", strings.Replace(lakeARN, "deliverystream/", "", 1), withRole), firehose)
	f(put("f", "", strings.Replace(lakeARN, "lake", "source", 1), withRole), firehose)

	f(put("f", "{", lakeARN, withRole), ipe+"If a filter pattern starts with '{' it must end with '}'")
	f(put("f", "%a[%", lakeARN, withRole), ipe+"Failed to compile regular expression.")
	f(put("f", "[a, a]", lakeARN, withRole), ipe+"Duplicate field 'a'")

	// What comes first: members, destination, group, pattern, delivery.
	elsewhere := func(body string) string { return strings.Replace(body, `"group-1"`, `"x"`, 1) }
	f(elsewhere(put("f", "{", lakeARN, "")), ipe+"destinationArn for vendor firehose cannot be used without roleArn")
	f(elsewhere(put("f", "{", lakeARN, withRole)), group)
	f(put("f", "{", strings.Replace(lakeARN, "lake", "pond", 1), withRole), ipe+"If a filter pattern starts with '{' it must end with '}'")

	for operation, more := range map[string]string{"DescribeSubscriptionFilters": "", "DeleteSubscriptionFilter": `,"filterName":"f"`} {
		o.Refused(operation, `{`+strings.TrimPrefix(more, ",")+`}`, one+"null at 'logGroupName' failed to satisfy constraint: Member must not be null")
		o.Refused(operation, `{"logGroupName":"`+x513+`"`+more+`}`, ipe+"Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
	}
	o.Refused("DeleteSubscriptionFilter", `{"logGroupName":"group-1"}`, one+"null at 'filterName' failed to satisfy constraint: Member must not be null")
	o.Refused("DescribeSubscriptionFilters", `{"logGroupName":"group-1","limit":51}`, one+"'51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50")
	o.Refused("DescribeSubscriptionFilters", `{"logGroupName":"group-1","nextToken":"x"}`, ipe+"The specified nextToken is invalid.")
	o.Refused("DescribeSubscriptionFilters", `{"logGroupName":"group-1","filterNamePrefix":"*"}`, one+"'*' at 'filterNamePrefix' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*")
	same(t, len(o.catalog.FilterVersions()), 0)
}

// TestVersionsOfFilters wants each Put and Delete to become a version between two
// positions of the log.
func TestVersionsOfFilters(t *testing.T) {
	o := serveOperations(t, 0)
	o.next = []uint64{10, 20}
	o.Done("PutSubscriptionFilter", put("f", "a", lakeARN, withRole+`,"applyOnTransformedLogs":true`), nil)
	if err := o.clock.Advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	o.next = []uint64{11, 22}
	o.Done("PutSubscriptionFilter", put("f", "b", strings.Replace(lakeARN, "arn:aws:", "arn:aws-cn:", 1), withRole+`,"distribution":"Random"`), nil)
	o.next = []uint64{12, 24}
	o.Done("DeleteSubscriptionFilter", `{"logGroupName":"group-1","filterName":"f"}`, nil)
	route, err := o.catalog.Route(lakeARN)
	if err != nil {
		t.Fatal(err)
	}
	versions := o.catalog.FilterVersions()
	first := catalog.SubscriptionFilter{
		UID: versions[0].UID, Filter: versions[0].UID, GroupUID: o.group.UID, Name: "f", Pattern: "a", DestinationARN: lakeARN, RoleARN: role,
		Distribution: "ByLogStream", Created: created.UnixMilli(), Route: route, ApplyOnTransformedLogs: true,
		From: []uint64{10, 20}, To: []uint64{11, 22},
	}
	second := first
	second.UID, second.Pattern, second.Distribution, second.ApplyOnTransformedLogs = versions[1].UID, "b", "Random", false
	second.DestinationARN = strings.Replace(lakeARN, "arn:aws:", "arn:aws-cn:", 1)
	second.From, second.To = []uint64{11, 22}, []uint64{12, 24}
	same(t, versions, []catalog.SubscriptionFilter{first, second})
	if first.UID == second.UID {
		t.Error("two versions have one uid")
	}
}

func TestPutOnFullDisk(t *testing.T) {
	o := serveOperations(t, 0)
	o.store.err = syscall.ENOSPC
	a := o.Call("PutSubscriptionFilter", put("f", "", lakeARN, withRole))
	same(t, a.Status, 503)
	same(t, a.Code, "ServiceUnavailableException")
	o.store.err = nil
	o.Done("PutSubscriptionFilter", put("f", "", lakeARN, withRole), nil)
}

// TestSubscriptionFiltersBySDK drives the operations with the AWS SDK.
func TestSubscriptionFiltersBySDK(t *testing.T) {
	o := serveOperations(t, 0)
	client, ctx := o.Client(), context.Background()
	in := cloudwatchlogs.PutSubscriptionFilterInput{
		LogGroupName: aws.String("group-1"), FilterName: aws.String("f"), FilterPattern: aws.String("{ $.level = ERROR }"),
		DestinationArn: aws.String(lakeARN), RoleArn: aws.String(role), Distribution: types.DistributionRandom,
	}
	if _, err := client.PutSubscriptionFilter(ctx, &in); err != nil {
		t.Fatal(err)
	}
	for i := range 99 { // more than AWS takes
		in.FilterName = aws.String(fmt.Sprintf("many-%02d", i))
		if _, err := client.PutSubscriptionFilter(ctx, &in); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for p := cloudwatchlogs.NewDescribeSubscriptionFiltersPaginator(client, &cloudwatchlogs.DescribeSubscriptionFiltersInput{LogGroupName: aws.String("group-1"), Limit: aws.Int32(40)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.SubscriptionFilters {
			names = append(names, *f.FilterName)
		}
	}
	same(t, len(names), 100)
	same(t, names[0]+" "+names[1]+" "+names[99], "f many-00 many-98")

	page, err := client.DescribeSubscriptionFilters(ctx, &cloudwatchlogs.DescribeSubscriptionFiltersInput{LogGroupName: aws.String("group-1"), FilterNamePrefix: aws.String("f")})
	if err != nil || len(page.SubscriptionFilters) != 1 {
		t.Fatal(page, err)
	}
	got := page.SubscriptionFilters[0]
	same(t, []string{*got.FilterPattern, *got.DestinationArn, *got.RoleArn, string(got.Distribution), *got.LogGroupName},
		[]string{"{ $.level = ERROR }", lakeARN, role, "Random", "group-1"})
	same(t, *got.CreationTime, created.UnixMilli())

	remove := &cloudwatchlogs.DeleteSubscriptionFilterInput{LogGroupName: aws.String("group-1"), FilterName: aws.String("f")}
	if _, err := client.DeleteSubscriptionFilter(ctx, remove); err != nil {
		t.Error(err)
	}
	_, err = client.DeleteSubscriptionFilter(ctx, remove)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("error %v", err)
	}
	in.DestinationArn = aws.String(lakeARN + "2")
	_, err = client.PutSubscriptionFilter(ctx, &in)
	var invalid *types.InvalidParameterException
	if !errors.As(err, &invalid) {
		t.Errorf("error %v", err)
	}
}
