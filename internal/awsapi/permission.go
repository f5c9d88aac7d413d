package awsapi

import (
	"fmt"
	"slices"
	"strings"
)

// permission is what one access key may do. Nil allows everything.
type permission struct {
	actions []string // patterns as Allowed takes them, or the words below
	regions []string // empty: all
}

// Words for sets of actions in Credential.Actions, beside IAM's own names and
// wildcards (logs:PutLogEvents, logs:Get*, *).
const (
	ActionsRead  = "read"  // looks at what is there
	ActionsWrite = "write" // sends events, records and metrics, into log streams it may make
	ActionsAdmin = "admin" // everything
)

// writeActions are those of a shipper.
var writeActions = []string{
	"CreateLogStream", "PutLogEvents", "PutMetricData", "PutRecord", "PutRecordBatch", "PutRecords",
}

// readPrefixes begin the names of operations that change nothing.
var readPrefixes = []string{"Describe", "Filter", "Get", "List", "StartLiveTail", "StartQuery", "StopQuery", "SubscribeToShard", "Test"}

func newPermission(c Credential) (*permission, error) {
	if len(c.Actions)+len(c.Regions) == 0 {
		return nil, nil
	}
	for _, pattern := range c.Actions {
		switch pattern {
		case ActionsRead, ActionsWrite, ActionsAdmin, "*":
			continue
		}
		if service, name, ok := strings.Cut(pattern, ":"); !ok || service == "" || name == "" || strings.Contains(service, "*") {
			return nil, fmt.Errorf("action %q: want read, write, admin, or a name as logs:PutLogEvents or logs:Get*", pattern)
		}
	}
	for _, region := range c.Regions {
		if !isRegion(region) {
			return nil, fmt.Errorf("region %q: want letters, digits and hyphens", region)
		}
	}
	return &permission{c.Actions, c.Regions}, nil
}

// allows decides about an action of a service as IAM names it.
func (p *permission) allows(service, action, region string) bool {
	if p == nil {
		return true
	}
	if len(p.regions) > 0 && !slices.Contains(p.regions, region) {
		return false
	}
	return len(p.actions) == 0 || slices.ContainsFunc(p.actions, func(pattern string) bool {
		return matchesAction(pattern, service, action)
	})
}

func matchesAction(pattern, service, action string) bool {
	switch pattern {
	case ActionsAdmin, "*":
		return true
	case ActionsWrite:
		return slices.Contains(writeActions, action)
	case ActionsRead:
		return slices.ContainsFunc(readPrefixes, func(prefix string) bool { return strings.HasPrefix(action, prefix) })
	}
	of, name, _ := strings.Cut(pattern, ":")
	return strings.EqualFold(of, service) && MatchesWildcard(strings.ToLower(name), strings.ToLower(action))
}

// MatchesWildcard matches as IAM does: * with any text and ? with one byte. It looks
// back to the last * only, so that no pattern takes more than the product of the
// lengths.
func MatchesWildcard(pattern, text string) bool {
	star, from := -1, 0
	i := 0
	for at := 0; at < len(text); {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, from = i, at
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == text[at]):
			i++
			at++
		case star >= 0:
			from++
			i, at = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

// authorize refuses what the caller's key may not do. It comes after the
// signature, so that nobody else learns about the key.
func (x *exchange) authorize() error {
	v := x.server.verifier
	if v == nil || x.byToken {
		return nil // a token opens the endpoints and nothing else
	}
	c := x.request.Caller
	service, action := iamService(x.op.Service), x.op.Target[strings.LastIndexByte(x.op.Target, '.')+1:]
	if x.endpoint != nil {
		action = "PutLogEvents" // what the endpoints do, by other means
	}
	if v.permissions[c.AccessKey].allows(service, action, c.Region) {
		return nil
	}
	return AccessDenied("User: arn:%s:iam::%s:user/%s is not authorized to perform: %s:%s on resource: %s because no identity-based policy allows the %s:%s action",
		c.Partition(), c.Account, c.AccessKey, service, action, c.ARN(service, "*"), service, action)
}

// iamService is how IAM calls a service where it differs from the signature.
func iamService(service string) string {
	if service == CloudWatch.Service {
		return "cloudwatch"
	}
	return service
}
