package firehose

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// DeleteDeliveryStream ends a delivery stream and discards what it has not
// delivered, as AWS does.
//
// Behaviour: an object whose put had succeeded is committed first; everything
// after it is committed as discarded, with its count; then the definition goes.
// The call returns when all of that is durable, so DELETING is seen by others
// only. Subscription filters that point to the stream wait, and deliver on when
// a stream of this name is created again.
//
// Limits: a stream that is CREATING or DELETING gives ResourceInUseException.
//
// Known deviations: AllowForceDelete changes nothing, for there is no grant to
// give back. An object that a crash left without its commit counts as
// discarded when the stream is deleted before it was picked up again.
func (r *Room) deleteDeliveryStream() awsapi.Operation {
	return awsapi.JSON(service, target+"DeleteDeliveryStream", r.delete)
}

type deleteInput struct {
	DeliveryStreamName string
	AllowForceDelete   bool
}

type deleteOutput struct{}

func (r *Room) delete(ctx context.Context, c awsapi.Caller, in *deleteInput) (*deleteOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	if err := v.Err(); err != nil {
		return nil, err
	}
	s, err := r.markDeleting(c, in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // a client that leaves must not leave it half done
	err = r.discard(ctx, s)
	if err == nil {
		_, err = r.links.Definitions.DeleteDeliveryStream(s.Scope, s.Name)
	}
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		err = errors.Join(err, r.keep(s, err))
		r.cfg.Logger.Error("delete delivery stream", "stream", s.Name, "error", err)
		return nil, awsapi.ErrServiceUnavailable
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams[s.key()] == s { // and not one that was made again meanwhile
		delete(r.streams, s.key())
	}
	return &deleteOutput{}, nil
}

// keep takes back a deletion that failed. Where a log may have failed, nobody
// knows what it holds: the lanes stay ended until a restart reads it. One that
// delivered a plan that is not durable would put an object in the way of the next.
func (r *Room) keep(s *stream, failure error) error {
	var stop *stopError
	if !errors.As(failure, &stop) {
		return r.open(s.settings().defined)
	}
	for _, l := range s.all() {
		l.note(failure)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.deleting = false
	return nil
}

func (r *Room) markDeleting(c awsapi.Caller, name string) (*stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[streamName{scopeOf(c), name}]
	if s == nil {
		return nil, awsapi.DeliveryStreamNotFound(c, name)
	}
	if status := s.apiStatus(r.now(), r.cfg.CreatingFor); status != statusActive {
		return nil, awsapi.ResourceInUse("Firehose %s under accountId %s is %s and cannot be deleted now.", name, c.Account, status)
	}
	s.deleting = true
	return s, nil
}
