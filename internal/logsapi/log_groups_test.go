package logsapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
)

func TestRecordedLogGroups(t *testing.T) {
	r := logsapitest.Record(t, "logs_groups.json")
	a := serve(t)
	const groups, tags = "TestLogsGroups::", "TestLogsGroupsTags::"
	a.Done("CreateLogGroup", `{"logGroupName":"one","kmsKeyId":"arn:aws:kms:us-east-1:111111111111:key/abc"}`, nil)
	r.Same(t, a.Call("DescribeLogGroups", `{"logGroupNamePrefix":"one"}`), groups+"test_create_log_group_with_kms_key", "describe-log-groups-with-kms",
		"one", "<log-group-name:1>", "abc", "<key-id>")
	r.Same(t, a.Call("CreateLogGroup", `{"logGroupName":"one"}`), groups+"test_create_log_group_duplicate_error", "error-duplicate-log-group")
	r.Same(t, a.Call("CreateLogGroup", `{"logGroupName":`+quoted(513)+`}`), groups+"test_create_log_group_invalid_name_length", "error-invalid-name-length")

	for _, name := range []string{"prefix-b", "prefix-a", "prefix-c"} {
		a.Done("CreateLogGroup", `{"logGroupName":"`+name+`"}`, nil)
	}
	three := []string{"prefix-a", "<log-group-name:1>", "prefix-b", "<log-group-name:2>", "prefix-c", "<log-group-name:3>"}
	r.Same(t, a.Call("DescribeLogGroups", `{"logGroupNamePrefix":"prefix"}`), groups+"test_describe_log_groups_with_prefix", "describe-log-groups-prefix", three...)
	r.Same(t, a.Call("DescribeLogGroups", `{"logGroupNamePattern":"efix-","limit":1}`), groups+"test_describe_log_groups_with_pattern", "describe-log-groups-pattern", three...)
	r.Same(t, a.Call("DescribeLogGroups", `{"logGroupNamePrefix":"a","logGroupNamePattern":"b"}`), groups+"test_describe_log_groups_prefix_and_pattern_error", "error-prefix-and-pattern")

	r.Same(t, a.Call("ListLogGroups", `{"logGroupNamePattern":"no-match"}`), groups+"test_list_log_groups_with_pattern", "list-log-groups-no-match")

	a.Done("CreateLogGroup", `{"logGroupName":"tagged","tags":{"env":"testing"}}`, nil)
	r.Same(t, a.Call("ListTagsLogGroup", `{"logGroupName":"tagged"}`), tags+"test_create_log_group_with_tags", "list-tags-after-create")
	a.Done("CreateLogGroup", `{"logGroupName":"t"}`, nil)
	a.Done("TagLogGroup", `{"logGroupName":"t","tags":{"tag_key_1":"tag_value_1"}}`, nil)
	r.Same(t, a.Call("ListTagsLogGroup", `{"logGroupName":"t"}`), tags+"test_tag_log_group", "list-tags-after-tag")
	a.Done("TagLogGroup", `{"logGroupName":"t","tags":{"tag_key_2":"tag_value_2"}}`, nil)
	a.Done("UntagLogGroup", `{"logGroupName":"t","tags":["tag_key_1","never there"]}`, nil)
	r.Same(t, a.Call("ListTagsLogGroup", `{"logGroupName":"t"}`), tags+"test_untag_log_group", "list-tags-after-untag")
}

// TestRecordedTagResource follows the recording in which the two tag APIs take
// turns on one group.
func TestRecordedTagResource(t *testing.T) {
	r := logsapitest.Record(t, "logs_groups.json")
	a := serve(t)
	const test = "TestLogsGroupsTags::test_tag_resource_api"
	const arn = `"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g"`
	both := func(after string) {
		t.Helper()
		r.Same(t, a.Call("ListTagsLogGroup", `{"logGroupName":"g"}`), test, "list-tags-log-group-after-"+after)
		r.Same(t, a.Call("ListTagsForResource", `{`+arn+`}`), test, "list-tags-for-resource-after-"+after)
	}
	a.Done("CreateLogGroup", `{"logGroupName":"g","tags":{"env":"testing1"}}`, nil)
	r.Same(t, a.Call("ListTagsForResource", `{`+arn+`}`), test, "list-tags-after-create")
	a.Done("TagResource", `{`+arn+`,"tags":{"test1":"val1","test2":"val2"}}`, nil)
	both("tag-resource")
	a.Done("TagLogGroup", `{"logGroupName":"g","tags":{"test3":"val3"}}`, nil)
	both("tag-log-group")
	a.Done("UntagLogGroup", `{"logGroupName":"g","tags":["env","test3"]}`, nil)
	a.Done("UntagResource", `{`+arn+`,"tagKeys":["test1"]}`, nil)
	both("untag")
}

func TestLogGroupTexts(t *testing.T) {
	a := serve(t)
	a.Done("CreateLogGroup", `{"logGroupName":"g","deletionProtectionEnabled":true}`, nil)
	f := func(operation, body, want string) {
		t.Helper()
		a.Refused(operation, body, want)
	}
	generic := func(value, member, constraint string) string {
		return "InvalidParameterException: 1 validation error detected: Value '" + value + "' at '" + member + "' failed to satisfy constraint: " + constraint
	}
	const pattern = `Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`
	f("CreateLogGroup", `{}`, nullGroup)
	f("CreateLogGroup", `{"logGroupName":null}`, nullGroup)
	f("CreateLogGroup", `{"logGroupName":""}`, generic("", "logGroupName", "Member must have length greater than or equal to 1"))
	f("CreateLogGroup", `{"logGroupName":"a b"}`, generic("a b", "logGroupName", pattern))
	f("CreateLogGroup", `{"logGroupName":"aws/x"}`, "InvalidParameterException: Log groups starting with AWS/ are reserved for AWS.")
	f("CreateLogGroup", `{"logGroupName":"x","logGroupClass":"COLD"}`, generic("COLD", "logGroupClass", "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]"))
	f("CreateLogGroup", `{"logGroupName":"a b","kmsKeyId":`+quoted(257)+`}`,
		"InvalidParameterException: 2 validation errors detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: "+pattern+
			"; Value '"+strings.Repeat("x", 257)+"' at 'kmsKeyId' failed to satisfy constraint: Member must have length less than or equal to 256")
	f("CreateLogGroup", `{"logGroupName":"x","tags":{"a":"b?"}}`, generic("{a=b?}", "tags", `Map value must satisfy constraint: [Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]`))
	f("CreateLogGroup", `{"logGroupName":1}`, "SerializationException: NUMBER_VALUE cannot be converted to String")
	f("DeleteLogGroup", `{"logGroupName":"x"}`, groupMissing)
	f("DeleteLogGroup", `{"logGroupName":"g"}`, "ValidationException: The log group cannot be deleted because deletion protection is enabled. Disable deletion protection first.")
	f("DescribeLogGroups", `{"limit":51}`, generic("51", "limit", "Member must have value less than or equal to 50"))
	f("DescribeLogGroups", `{"limit":0}`, generic("0", "limit", "Member must have value greater than or equal to 1"))
	f("DescribeLogGroups", `{"nextToken":"x"}`, badToken)
	f("DescribeLogGroups", `{"logGroupNamePrefix":"a b"}`, generic("a b", "logGroupNamePrefix", pattern))
	f("PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":2}`, generic("2", "retentionInDays", "Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]"))
	f("PutRetentionPolicy", `{"logGroupName":"x","retentionInDays":1}`, groupMissing)
	f("DeleteRetentionPolicy", `{"logGroupName":"x"}`, groupMissing)
	f("TagLogGroup", `{"logGroupName":"x","tags":{"a":"b"}}`, groupMissing)
	f("UntagLogGroup", `{"logGroupName":"x","tags":["a"]}`, groupMissing)
	f("ListTagsLogGroup", `{"logGroupName":"x"}`, groupMissing)
	for _, operation := range []string{"TagLogGroup", "UntagLogGroup", "ListTagsLogGroup", "DeleteLogGroup", "PutRetentionPolicy"} {
		f(operation, `{"logGroupName":`+quoted(513)+`}`, tooLongName)
	}
	const other = `"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:x"`
	f("ListTagsForResource", `{`+other+`}`, groupMissing)
	f("ListTagsForResource", `{"resourceArn":"arn:aws:logs:eu-west-1:111111111111:log-group:g"}`, groupMissing)
	f("ListTagsForResource", `{"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g:*"}`, generic("arn:aws:logs:us-east-1:111111111111:log-group:g:*", "resourceArn", `Member must satisfy regular expression pattern: [\w+=/:,.@-]*`))
	f("TagResource", `{`+other+`,"tags":{"a":"b"}}`, groupMissing)
	f("UntagResource", `{`+other+`,"tagKeys":["a"]}`, groupMissing)
	const noClass = `InvalidParameterException: The tag sluice:store with the value "some" is none of compact, wal, none.`
	f("CreateLogGroup", `{"logGroupName":"x","tags":{"sluice:store":"some"}}`, noClass)
	f("TagLogGroup", `{"logGroupName":"g","tags":{"sluice:store":"some"}}`, noClass)
	f("TagResource", `{"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g","tags":{"sluice:store":"some"}}`, noClass)
	f("TagLogGroup", `{"logGroupName":"g","tags":{"sluice:stor":"wal"}}`, "InvalidParameterException: The tag sluice:stor is not one that this version knows: of those that start with sluice: there is sluice:store.")
	f("TagLogGroup", `{"logGroupName":"g","tags":{"sluice:store":"wal"}}`, "")
	f("UntagLogGroup", `{"logGroupName":"g","tags":["sluice:store"]}`, "")
	f("TagResource", `{"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g","tags":{`+numbered(50, `"a%d":"x"`)+`}}`, "")
	f("TagResource", `{"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g","tags":{"one":"more"}}`, "TooManyTagsException: A resource can have at most 50 tags.")
}

func TestDescribeLogGroups(t *testing.T) {
	a := serve(t)
	for _, name := range []string{"/web/a", "/web/b", "/db/a", "/web/c"} {
		a.Done("CreateLogGroup", `{"logGroupName":"`+name+`"}`, nil)
	}
	a.Done("CreateLogGroup", `{"logGroupName":"/cold","logGroupClass":"INFREQUENT_ACCESS"}`, nil)
	f := func(body, want string) {
		t.Helper()
		names, token := a.names("DescribeLogGroups", body)
		equal(t, names, want)
		equal(t, token, "")
	}
	const arn = "arn:aws:logs:us-east-1:111111111111:log-group:"
	f(`{}`, "/cold /db/a /web/a /web/b /web/c")
	f(`{"logGroupNamePrefix":""}`, "/cold /db/a /web/a /web/b /web/c")
	f(`{"logGroupNamePrefix":"/web"}`, "/web/a /web/b /web/c")
	f(`{"logGroupNamePattern":"/a"}`, "/db/a /web/a")
	f(`{"logGroupNamePattern":"/A"}`, "")
	f(`{"logGroupClass":"INFREQUENT_ACCESS"}`, "/cold")
	f(`{"logGroupIdentifiers":["/web/b","`+arn+`/db/a","/nowhere"],"limit":50}`, "/db/a /web/b")
	f(`{"accountIdentifiers":["222222222222"],"includeLinkedAccounts":true}`, "")
	f(`{"accountIdentifiers":["111111111111"],"logGroupNamePrefix":"/d"}`, "/db/a")

	names, token := a.names("DescribeLogGroups", `{"logGroupNamePrefix":"/web","limit":2}`)
	equal(t, names, "/web/a /web/b")
	a.Done("DeleteLogGroup", `{"logGroupName":"/web/b"}`, nil) // what a token says may go away
	next := `{"logGroupNamePrefix":"/web","limit":2,"nextToken":"` + token + `"}`
	f(next, "/web/c")
	a.Refused("DescribeLogStreams", `{"logGroupName":"/web/a","nextToken":"`+token+`"}`, badToken)
	if err := a.clock.Advance(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	f(next, "/web/c")
	if err := a.clock.Advance(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	a.Refused("DescribeLogGroups", next, badToken)
}

func TestListLogGroups(t *testing.T) {
	a := serve(t)
	for _, name := range []string{"/aws/lambda/a", "/ecs/lambda", "/ecs/web", "other"} {
		a.Done("CreateLogGroup", `{"logGroupName":"`+name+`"}`, nil)
	}
	f := func(pattern, want string) {
		t.Helper()
		names, token := a.names("ListLogGroups", `{"logGroupNamePattern":"`+pattern+`"}`)
		equal(t, names, want)
		equal(t, token, "")
	}
	f("lambda", "/aws/lambda/a /ecs/lambda")
	f("^/ecs", "/ecs/lambda /ecs/web")
	f("^/ecs|other", "/ecs/lambda /ecs/web other")
	f("Lambda", "")
	f("^lambda", "")
	names, token := a.names("ListLogGroups", `{"limit":3}`)
	equal(t, names, "/aws/lambda/a /ecs/lambda /ecs/web")
	names, token = a.names("ListLogGroups", `{"limit":3,"nextToken":"`+token+`"}`)
	equal(t, names+token, "other")
	equal(t, a.Call("ListLogGroups", `{"logGroupNamePattern":"^oth"}`).String(),
		`{"logGroups":[{"logGroupArn":"arn:aws:logs:us-east-1:111111111111:log-group:other","logGroupClass":"STANDARD","logGroupName":"other"}]}`)
	for _, bad := range []string{"ab", "a b c", "aaa|bb", "aaa|", "aaa|bbb|ccc|ddd|eee|fff", strings.Repeat("x", 25)} {
		if got := a.Call("ListLogGroups", `{"logGroupNamePattern":"`+bad+`"}`); got.Code != "InvalidParameterException" {
			t.Errorf("%q: %s", bad, got)
		}
	}
	a.Refused("ListLogGroups", `{"fieldIndexNames":["x"]}`, "InvalidParameterException: fieldIndexNames is not supported")
	out, err := a.Client().ListLogGroups(context.Background(), &cloudwatchlogs.ListLogGroupsInput{LogGroupNamePattern: aws.String("^/aws")})
	if err != nil || len(out.LogGroups) != 1 {
		t.Error(out, err)
	}
}

func TestLogGroupDetails(t *testing.T) {
	a := serve(t)
	a.Done("CreateLogGroup", `{"logGroupName":"g"}`, nil)
	a.Done("PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":7}`, nil)
	a.Done("PutLogGroupDeletionProtection", `{"logGroupIdentifier":"g","deletionProtectionEnabled":true}`, nil)
	g, _ := a.catalog.Group(logsapitest.Scope, "g")
	a.events.Add(t, event.Header{GroupUID: g.UID, StreamUID: 1}, logsapitest.Event{Timestamp: 1, Message: "12345"})
	const whole = `{"logGroups":[{"arn":"arn:aws:logs:us-east-1:111111111111:log-group:g:*","creationTime":%d,"deletionProtectionEnabled":%t,"logGroupArn":"arn:aws:logs:us-east-1:111111111111:log-group:g","logGroupClass":"STANDARD","logGroupName":"g","metricFilterCount":0,%s"storedBytes":5}]}`
	equal(t, a.Call("DescribeLogGroups", `{}`).String(), fmt.Sprintf(whole, start.UnixMilli(), true, `"retentionInDays":7,`))
	a.Done("DeleteRetentionPolicy", `{"logGroupName":"g"}`, nil)
	a.Done("PutLogGroupDeletionProtection", `{"logGroupIdentifier":"g","deletionProtectionEnabled":false}`, nil)
	equal(t, a.Call("DescribeLogGroups", `{}`).String(), fmt.Sprintf(whole, start.UnixMilli(), false, ""))
	a.Done("DeleteLogGroup", `{"logGroupName":"g"}`, nil)
	names, _ := a.names("DescribeLogGroups", `{}`)
	equal(t, names, "")
}

// TestLogGroupsBySDK drives every operation on groups with the AWS SDK.
func TestLogGroupsBySDK(t *testing.T) {
	a := serve(t)
	client, ctx := a.Client(), context.Background()
	ok := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	name, arn := aws.String("/shop/web"), aws.String("arn:aws:logs:us-east-1:111111111111:log-group:/shop/web")
	ok(client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"a": "1"}}))
	_, err := client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name})
	wantAs[*types.ResourceAlreadyExistsException](t, err)
	_, err = client.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("nowhere")})
	wantAs[*types.ResourceNotFoundException](t, err)
	ok(client.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(30)}))
	ok(client.PutLogGroupDeletionProtection(ctx, &cloudwatchlogs.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: name, DeletionProtectionEnabled: aws.Bool(false)}))
	ok(client.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2"}}))
	ok(client.TagLogGroup(ctx, &cloudwatchlogs.TagLogGroupInput{LogGroupName: name, Tags: map[string]string{"c": "3"}}))
	ok(client.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}))
	ok(client.UntagLogGroup(ctx, &cloudwatchlogs.UntagLogGroupInput{LogGroupName: name, Tags: []string{"b"}}))
	tags, err := client.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: arn})
	ok(nil, err)
	equal(t, tags.Tags, map[string]string{"c": "3"})
	old, err := client.ListTagsLogGroup(ctx, &cloudwatchlogs.ListTagsLogGroupInput{LogGroupName: name})
	ok(nil, err)
	equal(t, old.Tags, map[string]string{"c": "3"})

	for i := range 60 {
		ok(client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(fmt.Sprintf("/many/%02d", i))}))
	}
	var seen []string
	for p := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(25)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.LogGroups {
			seen = append(seen, *g.LogGroupName)
			if *g.LogGroupName == *name {
				equal(t, *g.RetentionInDays, 30)
			} else if g.RetentionInDays != nil {
				t.Errorf("%s has a retention of %d days", *g.LogGroupName, *g.RetentionInDays)
			}
		}
	}
	equal(t, len(seen), 61)
	equal(t, seen[60], *name)
	ok(client.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: name}))
	ok(client.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name}))
}
