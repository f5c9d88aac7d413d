package filter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// Outside is the destinations outside this process that the configuration names:
// functions behind a webhook, Kinesis streams, Kafka topics.
type Outside interface {
	// Has tells whether an ARN is one of them.
	Has(arn string) bool
	// Probe delivers a test message.
	Probe(ctx context.Context, arn string) error
}

// Streams are the Kinesis streams of this process.
type Streams interface {
	// Has tells whether a stream is there and active.
	Has(s catalog.Scope, name string) bool
}

// probeTime bounds a test message: PutSubscriptionFilter waits for it.
const probeTime = 5 * time.Second

// sender is what a destination's policy is asked about.
type sender struct {
	action string
	role   bool // roleArn was given
}

// reach stands for AWS's test message: destinations in this process are looked up,
// those outside get one.
func (a *API) reach(ctx context.Context, c awsapi.Caller, arn awsapi.ARN, by sender) error {
	switch arn.Service {
	case "kinesis":
		if arn.Region != c.Region {
			return awsapi.ErrUndeliverableToKinesis
		}
		return a.reachKinesis(ctx, c.Account, arn)
	case "lambda":
		if arn.Region != c.Region {
			return awsapi.ErrLambdaNotExecutable
		}
		return a.probe(ctx, arn, awsapi.ErrLambdaNotExecutable)
	case "logs":
		return a.reachDestination(c, arn, by)
	}
	return a.reachFirehose(ctx, scopeOf(c), arn)
}

func (a *API) reachKinesis(ctx context.Context, account string, arn awsapi.ARN) error {
	name, ok := arn.Stream()
	if !ok || arn.Account != account {
		return awsapi.ErrUndeliverableToKinesis
	}
	if a.cfg.Streams != nil && a.cfg.Streams.Has(catalog.Scope{Account: arn.Account, Region: arn.Region}, name) {
		return nil
	}
	return a.probe(ctx, arn, awsapi.ErrUndeliverableToKinesis)
}

// sourceStream is the type of a delivery stream that reads a Kinesis stream and
// takes nothing else.
const sourceStream = "KinesisStreamAsSource"

func (a *API) reachFirehose(_ context.Context, s catalog.Scope, arn awsapi.ARN) error {
	name, ok := arn.DeliveryStream()
	if !ok || arn.Account != s.Account || arn.Region != s.Region {
		return awsapi.ErrUndeliverableToFirehose
	}
	d, ok := a.cfg.Catalog.DeliveryStream(s, name)
	if !ok || d.Type == sourceStream {
		return awsapi.ErrUndeliverableToFirehose
	}
	return nil
}

// reachDestination asks a logical destination's policy. It lies in the region of
// the log group; its target may lie in another.
func (a *API) reachDestination(c awsapi.Caller, arn awsapi.ARN, by sender) error {
	if arn.Region != c.Region {
		return awsapi.ErrUndeliverableToDestination
	}
	d, ok := a.subscriptions.destinationOf(arn.String())
	if !ok {
		return awsapi.ErrUndeliverableToDestination
	}
	allowed, byOrganization := a.subscriptions.judge(d, c.Account, by.action)
	if !allowed || byOrganization && !by.role { // the role proves who is a member
		operation := strings.TrimPrefix(by.action, "logs:")
		return awsapi.AccessDenied("User with accountId: %s is not authorized to perform %s on resource %s", c.Account, operation, arn.String())
	}
	return nil
}

// ErrNoAnswer is beside AWS's error where a destination outside is known and did not
// take its test message, which may be another time.
var ErrNoAnswer = errors.New("the test message was not taken")

// probe has a destination outside take a test message, or says in AWS's words that
// it did not.
func (a *API) probe(ctx context.Context, arn awsapi.ARN, refused *awsapi.Error) error {
	if a.cfg.Outside == nil || !a.cfg.Outside.Has(arn.String()) {
		return refused
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if err := a.cfg.Outside.Probe(ctx, arn.String()); err != nil {
		return fmt.Errorf("%w %w: %w", refused, ErrNoAnswer, err)
	}
	return nil
}
