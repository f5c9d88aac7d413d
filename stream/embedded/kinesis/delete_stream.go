package kinesis

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// DeleteStream deletes a stream with everything in it.
//
// Behaviour: the stream is gone when the call returns; its records are not needed
// any more from then on, and leave the disk with the log's next work. Subscription
// filters that point to it wait, and go on when a stream of this name is made again.
//
// Known deviations: DELETING is never seen. There are no consumers to enforce the
// deletion of.
func (r *Room) deleteStream() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "DeleteStream", r.delete)
}

type deleteStreamInput struct{ target }

func (r *Room) delete(_ context.Context, c awsapi.Caller, in *deleteStreamInput) (*none, error) {
	s, err := r.find(c, in.target, awsapi.KinesisValidation())
	if err != nil {
		return nil, err
	}
	s, err = r.cfg.Definitions.Delete(scopeOf(c), s.Name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, awsapi.StreamNotFound(c, s.Name)
	}
	if err != nil {
		return nil, err
	}
	r.forget(s)
	return nil, nil
}
