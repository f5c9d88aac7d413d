package objput

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Get implements Store. A read that gets nothing for the time a call may take
// is an error; how long the caller takes between two reads is his own affair.
func (s *S3) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	err := checkNames(bucket, key)
	if err == nil {
		var body io.ReadCloser
		if body, err = s.get(ctx, bucket, key); err == nil {
			return body, nil
		}
	}
	return nil, fmt.Errorf("get object %s/%s: %w", bucket, key, toReader(err))
}

func (s *S3) get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	// The body lives in this context, so that it cannot have a deadline.
	ctx, cancel := context.WithCancelCause(ctx)
	defuse := fuse(s.cfg.Timeout, cancel)
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	defuse()
	if err == nil && out.ETag == nil {
		out.Body.Close() // whatever it is, it is no object's
		err = errNoETag
	}
	if err != nil {
		err = classifyS3(ctx, err)
		cancel(nil)
		return nil, err
	}
	return &download{ctx: ctx, cancel: cancel, body: out.Body, silence: s.cfg.Timeout, name: bucket + "/" + key}, nil
}

// fuse ends a context after d unless it is defused.
func fuse(d time.Duration, cancel context.CancelCauseFunc) (defuse func()) {
	timer, end := context.WithTimeout(context.Background(), d)
	stop := context.AfterFunc(timer, func() { cancel(errSilent) })
	return func() { stop(); end() }
}

// download is the body of an object.
type download struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    io.ReadCloser
	silence time.Duration
	name    string
}

func (d *download) Read(p []byte) (int, error) {
	defuse := fuse(d.silence, d.cancel)
	n, err := d.body.Read(p)
	defuse()
	if err != nil && err != io.EOF {
		err = fmt.Errorf("get object %s: %w", d.name, classifyS3(d.ctx, err))
	}
	return n, err
}

func (d *download) Close() error {
	d.cancel(nil) // before the body, which would read the rest to keep the connection
	return d.body.Close()
}
