package awsapi

import "context"

// Before returns the operation, over the same protocols, with a check in front: its
// error is the answer.
func (op Operation) Before(check func(ctx context.Context, r *Request) error) Operation {
	serve := op.serve
	op.serve = func(ctx context.Context, r *Request, w *Reply) error {
		if err := check(ctx, r); err != nil {
			return err
		}
		return serve(ctx, r, w)
	}
	return op
}
