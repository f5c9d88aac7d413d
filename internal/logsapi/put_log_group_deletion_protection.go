package logsapi

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// PutLogGroupDeletionProtection turns deletion protection of a log group on or
// off. While it is on, DeleteLogGroup is refused.

type putLogGroupDeletionProtectionInput struct {
	LogGroupIdentifier        *string `json:"logGroupIdentifier"`
	DeletionProtectionEnabled *bool   `json:"deletionProtectionEnabled"`
}

func (a *API) putLogGroupDeletionProtection(_ context.Context, c awsapi.Caller, in *putLogGroupDeletionProtectionInput) (*none, error) {
	v := awsapi.LogsValidation()
	v.NotNull("logGroupIdentifier", in.LogGroupIdentifier != nil)
	v.NotNull("deletionProtectionEnabled", in.DeletionProtectionEnabled != nil)
	if in.LogGroupIdentifier != nil {
		checkIdentifier(v, "logGroupIdentifier", *in.LogGroupIdentifier)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, groupRef{LogGroupIdentifier: in.LogGroupIdentifier})
	if err != nil {
		return nil, err
	}
	return nil, a.update(g, func(g *catalog.LogGroup) error {
		g.DeletionProtection = *in.DeletionProtectionEnabled
		return nil
	})
}

// update changes a log group.
func (a *API) update(g catalog.LogGroup, change func(*catalog.LogGroup) error) error {
	_, err := a.cfg.Catalog.UpdateLogGroup(g.Scope, g.Name, change)
	return answer(err, awsapi.ErrLogGroupNotFound, nil)
}
