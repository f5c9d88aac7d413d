package logsapi

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// PutRetentionPolicy sets how long a log group keeps its events.
//
// Behaviour: events older than that are not shown any more from now on, and
// PutLogEvents refuses them as expired.
//
// Limits: retentionInDays is one of AWS's 22 periods.
//
// Deviations: the text for another period is the generic one, none is recorded.
// Room on the disk comes back when the log is compacted.

type putRetentionPolicyInput struct {
	LogGroupName    *string `json:"logGroupName"`
	RetentionInDays *int64  `json:"retentionInDays"`
}

func (a *API) putRetentionPolicy(_ context.Context, c awsapi.Caller, in *putRetentionPolicyInput) (*none, error) {
	if tooLong(in.LogGroupName) {
		return nil, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	v.NotNull("retentionInDays", in.RetentionInDays != nil)
	if in.RetentionInDays != nil {
		checkRetention(v, *in.RetentionInDays)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	return nil, a.setRetention(c, *in.LogGroupName, int(*in.RetentionInDays))
}

// setRetention sets a group's retention; 0 keeps events for ever.
func (a *API) setRetention(c awsapi.Caller, name string, days int) error {
	g, err := a.groupOf(c, groupRef{LogGroupName: &name})
	if err != nil {
		return err
	}
	return a.update(g, func(g *catalog.LogGroup) error {
		g.RetentionDays = days
		return nil
	})
}
