package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/internal/awsapi"
	"sluice/internal/logsapi"
)

// Pipelines are applied through the very operations that clients call, so that
// the same checks hold and the same texts are read.

// ask runs one operation as the configuration's owner and decodes its answer.
func (a *App) ask(ctx context.Context, target string, in, out any) error {
	body, err := awsapi.AppendJSON(nil, in)
	if err != nil {
		return err
	}
	op, ok := a.byTarget[target]
	if !ok {
		return fmt.Errorf("no operation %s", target)
	}
	reply := &awsapi.Reply{}
	err = op.Serve(ctx, &awsapi.Request{Caller: a.owner(), Body: body}, reply)
	if err != nil || out == nil {
		return err
	}
	return awsapi.Unmarshal(reply.Body, out)
}

func (a *App) call(ctx context.Context, target string, in any) error {
	return a.ask(ctx, target, in, nil)
}

func (a *App) owner() awsapi.Caller {
	return awsapi.Caller{Account: a.cfg.AccountID, Region: a.cfg.Region}
}

// applyPipelines brings the definitions in line with the configuration. It can
// be repeated: what is there already stays.
func (a *App) applyPipelines(ctx context.Context) error {
	p := a.cfg.Pipelines
	if a.cfg.ScaleOut.wanted() {
		p = a.sharedPipelines()
	}
	for _, g := range p.LogGroups {
		if err := a.applyLogGroup(ctx, g); err != nil {
			return declaredWrong("log group "+g.LogGroupName, err)
		}
	}
	for _, d := range p.DeliveryStreams {
		if err := a.applyDeliveryStream(ctx, d); err != nil {
			return declaredWrong(fmt.Sprintf("delivery stream %v", d["DeliveryStreamName"]), err)
		}
	}
	for _, f := range p.SubscriptionFilters {
		in := map[string]any{"logGroupName": f.LogGroupName, "filterName": f.FilterName, "filterPattern": f.FilterPattern, "destinationArn": f.DestinationARN}
		if f.RoleARN = a.roleOf(f); f.RoleARN != "" {
			in["roleArn"] = f.RoleARN
		}
		if f.FieldSelectionCriteria != "" {
			in["fieldSelectionCriteria"] = f.FieldSelectionCriteria
		}
		if len(f.EmitSystemFields) > 0 {
			in["emitSystemFields"] = f.EmitSystemFields
		}
		if f.Distribution != "" {
			in["distribution"] = f.Distribution
		}
		if err := a.applyFilter(ctx, f, in); err != nil {
			return declaredWrong(fmt.Sprintf("subscription filter %s of log group %s", f.FilterName, f.LogGroupName), err)
		}
	}
	return a.rememberDeclared(p)
}

// roleOf is the role that a declared filter is put with: streams demand one, which
// nobody here looks at, and functions refuse one.
func (a *App) roleOf(f SubscriptionFilter) string {
	arn, err := awsapi.ParseARN(f.DestinationARN)
	if f.RoleARN != "" || err == nil && (arn.Service == "lambda" || arn.Service == "logs") {
		return f.RoleARN
	}
	return awsapi.ARN{Partition: "aws", Service: "iam", Account: a.cfg.AccountID, Resource: "role/sluice"}.String()
}

// unlessExists passes over the error that says the definition is there already.
func unlessExists(err error) error {
	var e *awsapi.Error
	if errors.As(err, &e) && (e.Code == "ResourceAlreadyExistsException" || e.Code == "ResourceInUseException") {
		return nil
	}
	return err
}

func (a *App) applyLogGroup(ctx context.Context, g LogGroup) error {
	in := map[string]any{"logGroupName": g.LogGroupName}
	if len(g.Tags) > 0 {
		in["tags"] = g.Tags
	}
	if err := unlessExists(a.call(ctx, "Logs_20140328.CreateLogGroup", in)); err != nil {
		return err
	}
	if g.Store != "" {
		in := map[string]any{"logGroupName": g.LogGroupName, "tags": map[string]string{logsapi.StoreTag: g.Store}}
		if err := a.call(ctx, "Logs_20140328.TagLogGroup", in); err != nil {
			return err
		}
	}
	if g.RetentionInDays != 0 {
		in := map[string]any{"logGroupName": g.LogGroupName, "retentionInDays": g.RetentionInDays}
		if err := a.call(ctx, "Logs_20140328.PutRetentionPolicy", in); err != nil {
			return err
		}
	}
	for _, s := range g.LogStreamNames {
		in := map[string]any{"logGroupName": g.LogGroupName, "logStreamName": s}
		if err := unlessExists(a.call(ctx, "Logs_20140328.CreateLogStream", in)); err != nil {
			return err
		}
	}
	return nil
}

// applyDeliveryStream creates a delivery stream, or updates the destination of
// one that was declared otherwise before.
func (a *App) applyDeliveryStream(ctx context.Context, d map[string]any) error {
	err := a.call(ctx, "Firehose_20150804.CreateDeliveryStream", d)
	if err == nil || unlessExists(err) != nil {
		return err
	}
	name, _ := d["DeliveryStreamName"].(string)
	same, err := a.declaredBefore(name, d)
	if err != nil || same {
		return err
	}
	var now struct {
		DeliveryStreamDescription struct {
			VersionId    string
			Destinations []struct{ DestinationId string }
		}
	}
	if err := a.ask(ctx, "Firehose_20150804.DescribeDeliveryStream", map[string]any{"DeliveryStreamName": name}, &now); err != nil {
		return err
	}
	in := map[string]any{"DeliveryStreamName": name, "CurrentDeliveryStreamVersionId": now.DeliveryStreamDescription.VersionId}
	for _, d := range now.DeliveryStreamDescription.Destinations {
		in["DestinationId"] = d.DestinationId
	}
	for member, update := range map[string]string{
		"ExtendedS3DestinationConfiguration": "ExtendedS3DestinationUpdate", "S3DestinationConfiguration": "S3DestinationUpdate",
	} {
		if v, ok := d[member]; ok {
			in[update] = v
		}
	}
	return a.call(ctx, "Firehose_20150804.UpdateDestination", in)
}

// applyFilter leaves a filter alone that is what the configuration says, so that
// a restart makes no new version of it.
func (a *App) applyFilter(ctx context.Context, f SubscriptionFilter, in map[string]any) error {
	if g, ok := a.catalog.Group(a.scope(), f.LogGroupName); ok {
		for _, old := range a.catalog.SubscriptionFilters(g.UID) {
			if old.Name == f.FilterName && old.Pattern == f.FilterPattern && old.DestinationARN == f.DestinationARN &&
				old.FieldSelectionCriteria == f.FieldSelectionCriteria && slices.Equal(old.EmitSystemFields, f.EmitSystemFields) &&
				old.RoleARN == f.RoleARN && (f.Distribution == "" || old.Distribution == f.Distribution) {
				return nil
			}
		}
	}
	return a.call(ctx, "Logs_20140328.PutSubscriptionFilter", in)
}
