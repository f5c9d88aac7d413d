package filter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/logsapi"
	"sluice/internal/logsapi/logsapitest"
)

const (
	streamARN = "arn:aws:kinesis:us-east-1:111111111111:stream/stream-1"
	otherARN  = "arn:aws:kinesis:us-east-1:111111111111:stream/stream-2"
	ownARN    = "arn:aws:logs:us-east-1:111111111111:destination:dest-1"
	funcARN   = "arn:aws:lambda:us-east-1:111111111111:function:handler"
	theirs    = "222222222222"
	theirARN  = "arn:aws:logs:us-east-1:222222222222:destination:shared"
)

// outside is the destinations that the configuration names; a probe fails with the
// error that is set.
type outside map[string]error

func (o outside) Has(arn string) bool { _, ok := o[arn]; return ok }

func (o outside) Probe(ctx context.Context, arn string) error {
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a probe without a time limit")
	}
	return o[arn]
}

// policies is the operations of this package and those on tags, with everything
// that can be a destination.
type policies struct {
	*logsapitest.Server
	t             *testing.T
	catalog       *catalog.Catalog
	subscriptions *filter.Subscriptions
	ops           map[string]awsapi.Operation
	outside       outside
	group         catalog.LogGroup
	next          []uint64
}

func (p *policies) Next() []uint64 { return p.next }

func servePolicies(t *testing.T, change func(*filter.APIConfig)) *policies {
	t.Helper()
	p := &policies{t: t, next: []uint64{10}, ops: map[string]awsapi.Operation{}, outside: outside{streamARN: nil, otherARN: nil, funcARN: nil}}
	var err error
	if p.catalog, err = catalog.Open(catalog.NewMemory()); err != nil {
		t.Fatal(err)
	}
	if p.group, err = p.catalog.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "group-1"}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []catalog.Scope{logsapitest.Scope, {Account: theirs, Region: "us-east-1"}, {Account: theirs, Region: "eu-west-1"}} {
		if _, err := p.catalog.CreateDeliveryStream(catalog.DeliveryStream{Scope: s, Name: "lake", Type: "DirectPut"}); err != nil {
			t.Fatal(err)
		}
	}
	if p.subscriptions, err = filter.OpenSubscriptions(p.catalog, "o-1"); err != nil {
		t.Fatal(err)
	}
	cfg := filter.APIConfig{Catalog: p.catalog, Positions: p, Clock: clock.NewTest(created), Subscriptions: p.subscriptions, Outside: p.outside}
	if change != nil {
		change(&cfg)
	}
	api, err := filter.NewAPI(cfg)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := logsapi.New(logsapi.Config{
		Catalog: p.catalog, Events: &logsapitest.Events{}, Positions: p, Clock: cfg.Clock, Destinations: api.DestinationTags(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ops := append(api.Operations(), logs.Operations()...)
	for _, op := range ops {
		_, name, _ := strings.Cut(op.Target, ".")
		p.ops[name] = op
	}
	p.Server = logsapitest.Serve(t, ops...)
	return p
}

// as makes a call that another account in a region makes.
func (p *policies) as(account, region, operation, body string) error {
	return p.ops[operation].Serve(p.t.Context(), &awsapi.Request{Caller: awsapi.Caller{Account: account, Region: region}, Body: []byte(body)}, &awsapi.Reply{})
}

func TestRecordedDestinations(t *testing.T) {
	r := logsapitest.Record(t, "logs_destinations.json")
	p := servePolicies(t, nil)
	const tests = "TestDestinations::"
	names := []string{"stream-1", "<stream-name>", "stream-2", "<stream-name>", "dest-1", "<destination>", "role/r", "role/<role-name>", "role/q", "role/<role-name>"}
	putBody := func(target, role string) string {
		return fmt.Sprintf(`{"destinationName":"dest-1","targetArn":%q,"roleArn":%q}`, target, role)
	}
	f := func(operation, body, test, entry string) {
		t.Helper()
		a := p.Call(operation, body)
		// The recording shows the policy taken apart.
		if members, ok := a.Body.(map[string]any); ok {
			if list, ok := members["destinations"].([]any); ok && len(list) > 0 {
				d := list[0].(map[string]any)
				if text, ok := d["accessPolicy"].(string); ok {
					var policy any
					if err := json.Unmarshal([]byte(text), &policy); err != nil {
						t.Fatal(err)
					}
					d["accessPolicy"] = policy
				}
			}
		}
		r.Same(t, a, test, entry, names...)
	}
	f("DescribeDestinations", `{}`, tests+"test_describe_destinations_empty", "describe-destinations-empty")
	f("PutDestination", putBody(streamARN, role), tests+"test_put_destination", "put-destination")
	f("DescribeDestinations", `{"DestinationNamePrefix":"dest"}`, tests+"test_describe_destinations_with_prefix", "describe-destinations")
	f("DescribeDestinations", `{"DestinationNamePrefix":"dest"}`, tests+"test_update_destination", "original-description")
	p.Call("PutDestination", putBody(otherARN, strings.Replace(role, "/r", "/q", 1)))
	f("DescribeDestinations", `{"DestinationNamePrefix":"dest"}`, tests+"test_update_destination", "updated-description")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"logs.amazonaws.com"},"Action":"logs:PutSubscriptionFilter","Resource":"` + streamARN + `"}]}`
	f("PutDestinationPolicy", fmt.Sprintf(`{"destinationName":"dest-1","accessPolicy":%q}`, policy), tests+"test_put_destination_policy", "put-destination-policy")
	f("DescribeDestinations", `{"DestinationNamePrefix":"dest-1"}`, tests+"test_put_destination_policy", "destination-with-policy")
	resource := fmt.Sprintf(`"resourceArn":%q`, ownARN)
	p.Done("TagResource", `{`+resource+`,"tags":{"key1":"val1","key2":"val2"}}`, nil)
	f("ListTagsForResource", `{`+resource+`}`, "TestDestinationsTags::test_destination_tags", "list-tags-after-add")
	p.Done("UntagResource", `{`+resource+`,"tagKeys":["key2"]}`, nil)
	f("ListTagsForResource", `{`+resource+`}`, "TestDestinationsTags::test_destination_tags", "list-tags-after-remove")
	f("DeleteDestination", `{"destinationName":"dest-1"}`, tests+"test_delete_destination", "delete-destination")
	f("DescribeDestinations", `{"DestinationNamePrefix":"dest-1"}`, tests+"test_delete_destination", "no-destination-found")
}

func TestDestinationTexts(t *testing.T) {
	p := servePolicies(t, nil)
	p.outside[otherARN] = errors.New("down")
	const (
		one     = "InvalidParameterException: 1 validation error detected: Value "
		ipe     = "InvalidParameterException: "
		missing = "ResourceNotFoundException: The specified destination does not exist."
		kinesis = ipe + "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state."
		fire    = ipe + "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state."
	)
	put := func(target string) string {
		return fmt.Sprintf(`{"destinationName":"d","targetArn":%q,"roleArn":%q}`, target, role)
	}
	p.Refused("PutDestination", `{"destinationName":"a:b","targetArn":"x","roleArn":"y"}`, one+"'a:b' at 'destinationName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*")
	p.Refused("PutDestination", `{"destinationName":"d","roleArn":"y"}`, one+"null at 'targetArn' failed to satisfy constraint: Member must not be null")
	p.Refused("PutDestination", strings.Replace(put(lakeARN), "{", `{"tags":{"a!":"v"},`, 1), one+"'{a!=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)]")
	p.Refused("PutDestination", put("x"), ipe+"targetArn is not a valid ARN")
	p.Refused("PutDestination", put("arn:aws:s3:::lake"), ipe+"PutDestination operation cannot work with targetArn for vendor s3")
	p.Refused("PutDestination", put(otherARN), kinesis)
	p.Refused("PutDestination", put(strings.Replace(streamARN, "stream-1", "stream-3", 1)), kinesis)
	p.Refused("PutDestination", put(strings.Replace(lakeARN, "lake", "pond", 1)), fire)
	p.Refused("PutDestination", put(strings.Replace(lakeARN, "111111111111", theirs, 1)), fire)
	p.Refused("PutDestinationPolicy", `{"destinationName":"d","accessPolicy":"{}"}`, missing)
	p.Refused("PutDestinationPolicy", `{"destinationName":"d","accessPolicy":"x"}`, ipe+"The access policy is invalid: invalid character 'x' looking for beginning of value")
	p.Refused("PutDestinationPolicy", `{"destinationName":"d"}`, one+"null at 'accessPolicy' failed to satisfy constraint: Member must not be null")
	p.Refused("DeleteDestination", `{"destinationName":"d"}`, missing)
	p.Refused("DescribeDestinations", `{"limit":51}`, one+"'51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50")
	p.Refused("ListTagsForResource", `{"resourceArn":"`+ownARN+`"}`, missing)
	p.Call("PutDestination", put(lakeARN))
	p.Refused("PutDestinationPolicy", `{"destinationName":"d","accessPolicy":"{\"Statement\":{\"Effect\":\"Maybe\"}}"}`, ipe+`The access policy is invalid: statement 0: Effect "Maybe" is neither Allow nor Deny`)
}

func TestOutsideDestinations(t *testing.T) {
	p := servePolicies(t, nil)
	const unexecutable = "InvalidParameterException: Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function."
	p.Done("PutSubscriptionFilter", put("f", "", streamARN, withRole+`,"emitSystemFields":["@aws.account"],"fieldSelectionCriteria":"@aws.region = x"`), nil)
	p.Done("PutSubscriptionFilter", put("g", "", funcARN, ""), nil)
	p.Refused("PutSubscriptionFilter", put("h", "", funcARN+"2", ""), unexecutable)
	p.outside[funcARN] = errors.New("down")
	p.Refused("PutSubscriptionFilter", put("h", "", funcARN, ""), unexecutable)
	a := p.Call("DescribeSubscriptionFilters", `{"logGroupName":"group-1"}`)
	if !strings.Contains(a.String(), `"emitSystemFields":["@aws.account"],"fieldSelectionCriteria":"@aws.region = x"`) {
		t.Error(a)
	}
}

// routeOf is where the dispatcher sends what the one filter matches.
func (p *policies) routeOf() uint64 {
	p.t.Helper()
	versions := p.subscriptions.FilterVersions()
	if len(versions) != 1 {
		p.t.Fatal(versions)
	}
	return versions[0].Route
}

func (p *policies) route(arn string) uint64 {
	p.t.Helper()
	uid, err := p.catalog.Route(arn)
	if err != nil {
		p.t.Fatal(err)
	}
	return uid
}

// TestDestinationPolicyAtRunTime edits a policy of another account and wants the
// dispatcher to notice.
func TestDestinationPolicyAtRunTime(t *testing.T) {
	p := servePolicies(t, nil)
	target := strings.NewReplacer("111111111111", theirs, "us-east-1", "eu-west-1").Replace(lakeARN) // another region
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.as(theirs, "us-east-1", "PutDestination", fmt.Sprintf(`{"destinationName":"shared","targetArn":%q,"roleArn":%q}`, target, role)))
	edit := func(statement string) {
		t.Helper()
		policy := `{"Version":"2012-10-17","Statement":[` + statement + `]}`
		must(p.as(theirs, "us-east-1", "PutDestinationPolicy", fmt.Sprintf(`{"destinationName":"shared","accessPolicy":%q}`, policy)))
	}
	const denied = "AccessDeniedException: User with accountId: 111111111111 is not authorized to perform PutSubscriptionFilter on resource " + theirARN
	allow := func(principal, action, more string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `","Resource":"` + theirARN + `"` + more + `}`
	}
	const organization = `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-1"]}}`
	p.Refused("PutSubscriptionFilter", put("f", "", theirARN, ""), denied)
	edit(allow(`{"AWS":"333333333333"}`, "logs:PutSubscriptionFilter", ""))
	p.Refused("PutSubscriptionFilter", put("f", "", theirARN, ""), denied)
	edit(allow(`{"AWS":"111111111111"}`, "logs:PutAccountPolicy", ""))
	p.Refused("PutSubscriptionFilter", put("f", "", theirARN, ""), denied)
	edit(allow(`"*"`, "logs:PutSubscriptionFilter", organization))
	p.Refused("PutSubscriptionFilter", put("f", "", theirARN, ""), denied) // no role to prove membership
	p.Done("PutSubscriptionFilter", put("f", "", theirARN, withRole), nil)
	edit(allow(`"*"`, "logs:PutSubscriptionFilter", strings.Replace(organization, "o-1", "o-2", 1)))
	p.Refused("PutSubscriptionFilter", put("f", "", theirARN, withRole), denied)
	edit(allow(`{"AWS":["333333333333","arn:aws:iam::111111111111:root"]}`, "logs:Put*", ""))
	p.Done("PutSubscriptionFilter", put("f", "", theirARN, ""), nil)
	p.Refused("PutSubscriptionFilter", put("f", "", strings.Replace(theirARN, "us-east-1", "eu-west-1", 1), ""),
		"InvalidParameterException: Could not deliver test message to specified destination. Check if the destination is valid.")

	p.Done("DeleteSubscriptionFilter", `{"logGroupName":"group-1","filterName":"f"}`, nil)
	must(p.catalog.DropFilterVersions(func(catalog.SubscriptionFilter) bool { return true }))
	p.Done("PutSubscriptionFilter", put("f", "", theirARN, ""), nil)
	before := p.subscriptions.Generation()
	same(t, p.routeOf(), p.route(target))
	edit(allow(`"*"`, "*", "") + `,{"Effect":"Deny","Principal":{"AWS":"111111111111"},"Action":"logs:*","Resource":"*"}`)
	same(t, p.routeOf(), p.route(theirARN)) // where it waits
	if p.subscriptions.Generation() == before {
		t.Error("the dispatcher does not notice an edited policy")
	}
	edit(allow(`"*"`, "*", ""))
	same(t, p.routeOf(), p.route(target))
	same(t, p.subscriptions.Feeds(p.group, p.route(target)), true)
	must(p.as(theirs, "us-east-1", "DeleteDestination", `{"destinationName":"shared"}`))
	same(t, p.routeOf(), p.route(theirARN))
}

func TestAccountPolicies(t *testing.T) {
	var passed []uint64
	p := servePolicies(t, func(c *filter.APIConfig) {
		c.OneAccountPolicy = true
		c.Passed = func(ends []uint64) bool { return passed != nil && ends[0] <= passed[0] }
	})
	body := func(name, document, more string) string {
		return fmt.Sprintf(`{"policyName":%q,"policyType":"SUBSCRIPTION_FILTER_POLICY","scope":"ALL","policyDocument":%q%s}`, name, document, more)
	}
	document := func(pattern string) string {
		return fmt.Sprintf(`{"DestinationArn":%q,"RoleArn":%q,"FilterPattern":%q,"Distribution":"Random"}`, lakeARN, role, pattern)
	}
	const (
		ipe     = "InvalidParameterException: "
		missing = "ResourceNotFoundException: The specified account policy does not exist."
		remove  = `{"policyName":"all","policyType":"SUBSCRIPTION_FILTER_POLICY"}`
	)
	versions := func() (out []string) {
		for _, f := range p.subscriptions.PolicyVersions(p.group.UID) {
			out = append(out, fmt.Sprint(f.Name, " ", f.Pattern, " ", f.Distribution, " ", f.From, f.To, f.AccountLevel, f.Route == p.route(lakeARN)))
		}
		return out
	}
	p.Refused("PutAccountPolicy", strings.Replace(body("all", "{}", ""), "SUBSCRIPTION_FILTER", "TRANSFORMER", 1), ipe+"policyType TRANSFORMER_POLICY is not supported")
	p.Refused("PutAccountPolicy", body("all", "x", ""), ipe+"The policy document is not valid JSON.")
	p.Refused("PutAccountPolicy", body("all", "{}", ""), ipe+"The policy document must have DestinationArn and FilterPattern.")
	p.Refused("PutAccountPolicy", body("all", document("{"), ""), ipe+"If a filter pattern starts with '{' it must end with '}'")
	p.Refused("PutAccountPolicy", body("all", document(""), `,"selectionCriteria":"LogGroupName IN [\"a\"]"`), ipe+`The selectionCriteria must be LogGroupName NOT IN ["name", ...].`)
	p.Refused("DeleteAccountPolicy", remove, missing)

	var out struct{ AccountPolicy map[string]any }
	p.Done("PutAccountPolicy", body("all", document("a"), `,"selectionCriteria":"LogGroupName NOT IN [\"x\",\"y\"]"`), &out)
	same(t, out.AccountPolicy, map[string]any{
		"policyName": "all", "policyDocument": document("a"), "lastUpdatedTime": float64(created.UnixMilli()), "policyType": "SUBSCRIPTION_FILTER_POLICY",
		"scope": "ALL", "selectionCriteria": `LogGroupName NOT IN ["x","y"]`, "accountId": "111111111111",
	})
	same(t, versions(), []string{"all a Random [10] [] true true"})
	p.next = []uint64{20}
	p.Refused("PutAccountPolicy", body("more", document("a"), ""), "LimitExceededException: Resource limit exceeded.")
	p.Done("PutAccountPolicy", body("all", document("b"), `,"selectionCriteria":"LogGroupName NOT IN[\"group-1\"]"`), &out)
	same(t, versions(), []string{"all a Random [10] [20] true true"}) // the group is out from 20 on
	p.next = []uint64{30}
	p.Done("PutAccountPolicy", body("all", document("c"), ""), &out)
	same(t, versions(), []string{"all a Random [10] [20] true true", "all c Random [30] [] true true"})
	same(t, []bool{p.subscriptions.Feeds(p.group, p.route(lakeARN)), p.subscriptions.Feeds(p.group, p.route(streamARN))}, []bool{true, false})
	later, err := p.catalog.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "later"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, len(p.subscriptions.PolicyVersions(later.UID)), 3)
	for _, other := range []catalog.LogGroup{{Scope: logsapitest.Scope, Name: "/sluice/quarantine"}, {Scope: catalog.Scope{Account: theirs, Region: "us-east-1"}, Name: "g"}} {
		if other, err = p.catalog.CreateLogGroup(other); err != nil {
			t.Fatal(err)
		}
		same(t, len(p.subscriptions.PolicyVersions(other.UID)), 0)
	}
	var list struct{ AccountPolicies []map[string]any }
	p.Done("DescribeAccountPolicies", `{"policyType":"SUBSCRIPTION_FILTER_POLICY"}`, &list)
	same(t, len(list.AccountPolicies), 1)
	passed = []uint64{20}
	p.next = []uint64{40}
	p.Done("DeleteAccountPolicy", remove, nil)
	same(t, versions(), []string{"all c Random [30] [40] true true"})
	same(t, p.subscriptions.Feeds(p.group, p.route(lakeARN)), false)
	p.Refused("DeleteAccountPolicy", remove, missing)
	p.Done("DescribeAccountPolicies", `{"policyType":"SUBSCRIPTION_FILTER_POLICY"}`, &list)
	same(t, len(list.AccountPolicies), 0)
	passed = []uint64{40}
	p.Done("PutAccountPolicy", body("more", document("d"), ""), &out)
	same(t, versions(), []string{"more d Random [40] [] true true"})
}

func TestAccessPolicyKeepsWhatItCannotJudgeOut(t *testing.T) {
	p := servePolicies(t, nil)
	if err := p.as(theirs, "us-east-1", "PutDestination", fmt.Sprintf(`{"destinationName":"shared","targetArn":%q,"roleArn":%q}`, strings.Replace(lakeARN, "111111111111", theirs, 1), role)); err != nil {
		t.Fatal(err)
	}
	name := "shared"
	f := func(statements string, want bool) {
		t.Helper()
		body := fmt.Sprintf(`{"destinationName":%q,"accessPolicy":%q}`, name, `{"Statement":[`+statements+`]}`)
		if err := p.as(theirs, "us-east-1", "PutDestinationPolicy", body); err != nil {
			t.Fatal(err)
		}
		if _, there, got := p.subscriptions.Admits(strings.Replace(theirARN, "shared", name, 1), "111111111111", false); got != want || !there {
			t.Errorf("%s: %v", statements, got)
		}
	}
	const all = `"Principal":"*","Action":"*"`
	f(`{"Effect":"Allow",`+all+`}`, true)
	f(`{"Effect":"Allow","Action":"*"}`, false)
	f(`{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"*"}`, false)
	f(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["x","LOGS:putsubscription?ilter"]}`, true)
	f(`{"Effect":"Allow",`+all+`,"Resource":"arn:aws:logs:us-east-1:222222222222:destination:other"}`, false)
	f(`{"Effect":"Allow",`+all+`,"Resource":"arn:aws-cn:logs:*:222222222222:destination:s*"}`, true)
	f(`{"Effect":"Allow",`+all+`,"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.1"}}}`, false)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny",`+all+`,"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.1"}}}`, false)
	f(`{"Effect":"Allow",`+all+`,"Condition":{"StringLike":{"aws:PrincipalOrgID":"o-*"}}}`, true)
	f(`{"Effect":"Allow",`+all+`,"Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}}`, false)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny",`+all+`,"Condition":{"StringEquals":{"aws:PrincipalAccount":"333333333333"}}}`, true)
	f(``, false)
	f(`{"Effect":"Allow",`+all+`,"Resource":"arn:aws:logs:*"}`, true)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny",`+all+`,"Resource":"arn:aws:logs:*"}`, false)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny","NotPrincipal":{"AWS":"333333333333"},"Action":"*"}`, false)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny","Principal":"*","NotAction":"s3:*"}`, false)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny",`+all+`,"NotResource":"*:other"}`, false)
	f(`{"Effect":"Allow",`+all+`},{"Effect":"Deny","NotPrincipal":"*","Action":"s3:*"}`, true)
	f(`{"Effect":"Allow",`+all+`,"NotResource":"*:shared"}`, false)
	// Stars that all could stand for most of the name are no work.
	long := strings.Repeat("a", 512)
	if err := p.as(theirs, "us-east-1", "PutDestination", fmt.Sprintf(`{"destinationName":%q,"targetArn":%q,"roleArn":%q}`, long, strings.Replace(lakeARN, "111111111111", theirs, 1), role)); err != nil {
		t.Fatal(err)
	}
	name = long
	f(`{"Effect":"Allow",`+all+`,"Resource":"arn:aws:logs:*:*:destination:`+strings.Repeat("*a", 64)+`b"}`, false)
	f(`{"Effect":"Allow",`+all+`,"Resource":"arn:aws:logs:*:*:destination:`+strings.Repeat("*a", 64)+`"}`, true)
}

// TestSubscriptionsSurviveARestart opens the catalog again.
func TestSubscriptionsSurviveARestart(t *testing.T) {
	store := catalog.NewMemory()
	open := func() (*catalog.Catalog, *filter.Subscriptions) {
		t.Helper()
		c, err := catalog.Open(store)
		if err != nil {
			t.Fatal(err)
		}
		s, err := filter.OpenSubscriptions(c, "")
		if err != nil {
			t.Fatal(err)
		}
		return c, s
	}
	c, s := open()
	g, err := c.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "g"})
	if err != nil {
		t.Fatal(err)
	}
	p := &policies{next: []uint64{7, 8}}
	api, err := filter.NewAPI(filter.APIConfig{Catalog: c, Positions: p, Clock: clock.NewTest(time.Unix(1, 0)), Subscriptions: s, Outside: outside{funcARN: nil}})
	if err != nil {
		t.Fatal(err)
	}
	server := logsapitest.Serve(t, api.Operations()...)
	server.Done("PutAccountPolicy", fmt.Sprintf(`{"policyName":"p","policyType":"SUBSCRIPTION_FILTER_POLICY","policyDocument":%q}`,
		fmt.Sprintf(`{"DestinationArn":%q,"FilterPattern":"a"}`, funcARN)), &struct{}{})
	want := s.PolicyVersions(g.UID)
	_, s = open()
	same(t, s.PolicyVersions(g.UID), want)
	if len(want) != 1 || !slices.Equal(want[0].From, []uint64{7, 8}) {
		t.Error(want)
	}
}
