package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// CreateLogStream makes a log stream in a log group.
//
// Behaviour: durable and visible to every other call when it returns. Log
// shippers begin with it and act on its two errors: no such group, and a stream
// that is there already.
//
// Limits: name 1-512 without : and *. Any number of streams in a group.

type createLogStreamInput struct {
	LogGroupName  *string `json:"logGroupName"`
	LogStreamName *string `json:"logStreamName"`
}

func (in *createLogStreamInput) validate() error {
	if tooLong(in.LogGroupName, in.LogStreamName) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkStreamName(v, in.LogStreamName)
	return v.Err()
}

func (a *API) createLogStream(_ context.Context, c awsapi.Caller, in *createLogStreamInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, groupRef{LogGroupName: in.LogGroupName})
	if err != nil {
		return nil, err
	}
	_, err = a.cfg.Catalog.CreateLogStream(g.UID, *in.LogStreamName, a.now())
	return nil, answer(err, awsapi.ErrLogGroupNotFound, awsapi.ErrLogStreamExists)
}
