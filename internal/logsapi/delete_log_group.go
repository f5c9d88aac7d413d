package logsapi

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// DeleteLogGroup removes a log group with its streams, events and filters.
//
// Behaviour: nobody sees the group or its events any more when it returns, and a
// group made anew under the name starts empty. What subscription filters had
// selected before is still delivered; what they would have read after it is not.
//
// Deviations: the disk gets its room back when files are merged or rewritten. The text for
// a protected group is ours, none is recorded.

type deleteLogGroupInput struct {
	LogGroupName *string `json:"logGroupName"`
}

var errProtected = awsapi.ValidationException("The log group cannot be deleted because deletion protection is enabled. Disable deletion protection first.")

func (a *API) deleteLogGroup(_ context.Context, c awsapi.Caller, in *deleteLogGroupInput) (*none, error) {
	if err := checkOnlyGroup(in.LogGroupName); err != nil {
		return nil, err
	}
	_, err := a.cfg.Catalog.DeleteLogGroup(scopeOf(c), *in.LogGroupName, a.cfg.Positions.Next)
	if errors.Is(err, catalog.ErrProtected) {
		return nil, errProtected
	}
	return nil, answer(err, awsapi.ErrLogGroupNotFound, nil)
}

// checkOnlyGroup validates requests that hold nothing else to check.
func checkOnlyGroup(name *string) error {
	if tooLong(name) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, name)
	return v.Err()
}
