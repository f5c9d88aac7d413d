package awsapi

import (
	"fmt"
	"strings"
)

// ARN is an Amazon Resource Name: arn:Partition:Service:Region:Account:Resource.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// ParseARN splits an ARN. Region and Account may be empty (arn:aws:s3:::bucket).
func ParseARN(s string) (ARN, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, fmt.Errorf("parse ARN %q: want arn:partition:service:region:account:resource", s)
	}
	return ARN{parts[1], parts[2], parts[3], parts[4], parts[5]}, nil
}

func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// OwnedBy reports whether the ARN lies in the caller's account and region. The
// partition is ignored, as everywhere in sluice.
func (a ARN) OwnedBy(c Caller) bool { return a.Account == c.Account && a.Region == c.Region }

// LogGroup is the log group's name, from an ARN with or without ":*".
func (a ARN) LogGroup() (name string, ok bool) {
	rest, ok := strings.CutPrefix(a.Resource, "log-group:")
	if !ok || a.Service != "logs" {
		return "", false
	}
	name = strings.TrimSuffix(rest, ":*")
	return name, ValidLogGroupName(name)
}

// LogStream splits the ARN of a log stream.
func (a ARN) LogStream() (group, stream string, ok bool) {
	rest, ok := strings.CutPrefix(a.Resource, "log-group:")
	if !ok || a.Service != "logs" {
		return "", "", false
	}
	group, stream, ok = strings.Cut(rest, ":log-stream:")
	return group, stream, ok && ValidLogGroupName(group) && stream != "" && ValidLogStreamName(stream)
}

// Destination is the name of a cross-account destination.
func (a ARN) Destination() (name string, ok bool) {
	name, ok = a.named("logs", "destination:")
	return name, ok && ValidLogStreamName(name)
}

// DeliveryStream is the name of a Firehose delivery stream.
func (a ARN) DeliveryStream() (name string, ok bool) {
	name, ok = a.named("firehose", "deliverystream/")
	return name, ok && ValidDeliveryStreamName(name)
}

// Stream is the name of a Kinesis data stream.
func (a ARN) Stream() (name string, ok bool) {
	name, ok = a.named("kinesis", "stream/")
	return name, ok && ValidDeliveryStreamName(name)
}

// LambdaFunction is the name of a function and its version or alias, if any.
func (a ARN) LambdaFunction() (name, qualifier string, ok bool) {
	rest, ok := a.named("lambda", "function:")
	name, qualifier, _ = strings.Cut(rest, ":")
	return name, qualifier, ok && name != "" && !strings.Contains(qualifier, ":")
}

// Bucket is the name of an S3 bucket.
func (a ARN) Bucket() (name string, ok bool) {
	return a.Resource, a.Service == "s3" && !strings.ContainsAny(a.Resource, "/:*")
}

func (a ARN) named(service, prefix string) (name string, ok bool) {
	name, ok = strings.CutPrefix(a.Resource, prefix)
	return name, ok && name != "" && a.Service == service
}

// LogGroupOf resolves a logGroupIdentifier, which is a name or an ARN without
// ":*": its name, and whether an ARN's region and account are the caller's.
func (c Caller) LogGroupOf(identifier string) (name string, ok bool) {
	if !strings.HasPrefix(identifier, "arn:") {
		return identifier, ValidLogGroupName(identifier)
	}
	a, err := ParseARN(identifier)
	if err != nil || !a.OwnedBy(c) {
		return "", false
	}
	return a.LogGroup()
}

// Partition is the partition that the caller's region lies in.
func (c Caller) Partition() string {
	switch {
	case strings.HasPrefix(c.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(c.Region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// ARN names a resource of the caller's account and region.
func (c Caller) ARN(service, resource string) ARN {
	return ARN{c.Partition(), service, c.Region, c.Account, resource}
}

// LogGroupARN is the form without ":*" (member logGroupArn, TagResource).
func (c Caller) LogGroupARN(group string) string {
	return c.ARN("logs", "log-group:"+group).String()
}

// LogGroupStarARN is the form with ":*" (member arn).
func (c Caller) LogGroupStarARN(group string) string {
	return c.ARN("logs", "log-group:"+group+":*").String()
}

// LogStreamARN names a log stream.
func (c Caller) LogStreamARN(group, stream string) string {
	return c.ARN("logs", "log-group:"+group+":log-stream:"+stream).String()
}

// DestinationARN names a cross-account destination.
func (c Caller) DestinationARN(name string) string {
	return c.ARN("logs", "destination:"+name).String()
}

// DeliveryStreamARN names a Firehose delivery stream.
func (c Caller) DeliveryStreamARN(name string) string {
	return c.ARN("firehose", "deliverystream/"+name).String()
}

// StreamARN names a Kinesis data stream.
func (c Caller) StreamARN(name string) string {
	return c.ARN("kinesis", "stream/"+name).String()
}
