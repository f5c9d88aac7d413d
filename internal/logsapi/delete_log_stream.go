package logsapi

import (
	"context"

	"sluice/internal/awsapi"
)

// DeleteLogStream removes a log stream with its events.
//
// Behaviour: nobody can read the stream when it returns; a stream made anew under
// the name starts empty. What subscription filters select of it is delivered
// all the same.
//
// Deviations: the disk gets its room back when the log is compacted, and the
// group's storedBytes shrink then too.

func (a *API) deleteLogStream(_ context.Context, c awsapi.Caller, in *createLogStreamInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g, err := a.groupOf(c, groupRef{LogGroupName: in.LogGroupName})
	if err != nil {
		return nil, err
	}
	_, err = a.cfg.Catalog.DeleteLogStream(g.UID, *in.LogStreamName)
	return nil, answer(err, awsapi.ErrLogStreamNotFound, nil)
}
