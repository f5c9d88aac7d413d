package logsapi

import (
	"context"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// CreateLogGroup makes a log group.
//
// Behaviour: durable and visible to every other call when it returns; tags and
// class come with it; nothing of a deleted group of the same name is inherited.
//
// Limits: name 1-512 of [.-_/#A-Za-z0-9], not beginning with aws/; kmsKeyId up to
// 256; at most 50 tags.
//
// Beyond AWS, the tag sluice:store says how long the group's events can be read
// back (store_tag.go).
//
// Deviations: kmsKeyId is kept and shown, nothing is encrypted with it. There is
// no quota on the number of groups. The text for aws/ is from memory.

type createLogGroupInput struct {
	LogGroupName              *string           `json:"logGroupName"`
	KmsKeyID                  *string           `json:"kmsKeyId"`
	Tags                      map[string]string `json:"tags"`
	LogGroupClass             *string           `json:"logGroupClass"`
	DeletionProtectionEnabled bool              `json:"deletionProtectionEnabled"`
}

// The classes of log groups.
const (
	classStandard         = "STANDARD"
	classInfrequentAccess = "INFREQUENT_ACCESS"
	classDelivery         = "DELIVERY"
)

func checkClass(v *awsapi.Validation, class *string) {
	if class != nil {
		v.Enum("logGroupClass", *class, classStandard, classInfrequentAccess, classDelivery)
	}
}

func (in *createLogGroupInput) validate() error {
	if tooLong(in.LogGroupName) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	if in.KmsKeyID != nil {
		v.Length("kmsKeyId", *in.KmsKeyID, 0, 256)
	}
	CheckTags(v, in.Tags)
	v.ListLength("tags", printTags(in.Tags), len(in.Tags), 0, maxTags)
	checkClass(v, in.LogGroupClass)
	if err := v.Err(); err != nil {
		return err
	}
	if strings.HasPrefix(*in.LogGroupName, "aws/") {
		return awsapi.InvalidParameter("Log groups starting with AWS/ are reserved for AWS.")
	}
	return checkSluiceTags(in.Tags)
}

func (a *API) createLogGroup(_ context.Context, c awsapi.Caller, in *createLogGroupInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g := catalog.LogGroup{
		Scope: scopeOf(c), Name: *in.LogGroupName, Class: classStandard, Created: a.now(),
		DeletionProtection: in.DeletionProtectionEnabled, Tags: in.Tags,
	}
	if in.KmsKeyID != nil {
		g.KmsKeyID = *in.KmsKeyID
	}
	if in.LogGroupClass != nil {
		g.Class = *in.LogGroupClass
	}
	_, err := a.cfg.Catalog.CreateLogGroup(g)
	return nil, answer(err, awsapi.ErrLogGroupNotFound, awsapi.ErrLogGroupExists)
}
