package objput

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// maxParts is how many parts an upload may have.
const maxParts = 10_000

// maxAbort bounds the abort of an upload whose putter may be told to stop.
const maxAbort = 10 * time.Second

func base64Sum(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// putParts puts a large object. It looks for the object first: after a timeout,
// or beside a rival, the object may be there, and 412 comes only after all the
// bytes.
func (s *S3) putParts(ctx context.Context, bucket, key string, o Object, conditional bool) error {
	s.abortOrphans(ctx, bucket)
	return s.patiently(ctx, func() error {
		switch err := s.absent(ctx, bucket, key); {
		case err == ErrExists:
			return err
		case err != nil && !conditional: // a policy may allow to put without allowing to look
			return err
		}
		return s.upload(ctx, bucket, key, o, conditional)
	})
}

// upload is one multipart upload. It is in the journal until it is known to be
// over.
func (s *S3) upload(ctx context.Context, bucket, key string, o Object, conditional bool) error {
	e, err := s.journal.begin(bucket, key)
	if err != nil { // a full disk must not stop what empties it
		s.cfg.Logger.Warn("an upload goes on without a journal: a crash would leave its parts behind",
			"bucket", bucket, "key", key, "error", err)
	}
	if e.UploadID, err = s.create(ctx, bucket, key, o); err != nil {
		if mayPass(err) { // nobody knows whether there is one
			s.journal.orphan(e)
		} else {
			s.journal.end(e)
		}
		return err
	}
	s.journal.name(e)
	parts, err := s.parts(ctx, e, o)
	if err == nil && !conditional {
		err = s.absent(ctx, bucket, key)
	}
	if err == nil {
		err = s.complete(ctx, e, o, parts, conditional)
	}
	if err != nil {
		s.abandon(ctx, e)
		return err
	}
	s.journal.end(e)
	return nil
}

func (s *S3) create(ctx context.Context, bucket, key string, o Object) (id string, err error) {
	in := &s3.CreateMultipartUploadInput{
		Bucket: &bucket, Key: &key,
		ContentType: optional(o.ContentType), ContentEncoding: optional(o.ContentEncoding), Metadata: o.Meta,
		ServerSideEncryption: types.ServerSideEncryption(s.cfg.SSE), SSEKMSKeyId: optional(s.cfg.SSEKMSKeyID),
	}
	if s.checksums {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
	}
	out, err := call(ctx, s.budget(0), s.client.CreateMultipartUpload, in)
	if err == nil && orZero(out.UploadId) == "" {
		err = errors.New("answer without an upload id")
	}
	if err != nil {
		return "", err
	}
	return *out.UploadId, nil
}

// parts sends the parts, a few at a time, and returns when none is under way.
func (s *S3) parts(ctx context.Context, e *entry, o Object) ([]types.CompletedPart, error) {
	size := max(s.cfg.PartSize, (o.Size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (o.Size+size-1)/size)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var senders sync.WaitGroup
	for range min(s.cfg.Parallel, len(parts)) {
		senders.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(parts)) && ctx.Err() == nil; n = next.Add(1) - 1 {
				var err error
				if parts[n], err = s.part(ctx, e, o, n*size, min(o.Size, (n+1)*size), int32(n+1)); err != nil {
					cancel(err)
				}
			}
		})
	}
	senders.Wait()
	return parts, context.Cause(ctx)
}

// part sends the bytes [from, to) as a part, up to three times: one bad answer
// of hundreds must not cost the whole upload.
func (s *S3) part(ctx context.Context, e *entry, o Object, from, to int64, number int32) (types.CompletedPart, error) {
	size := to - from
	sum, err := s.checksum(o.Body, from, to)
	if err != nil {
		return types.CompletedPart{}, err
	}
	for attempt := 0; ; attempt++ {
		out, err := call(ctx, s.budget(size), s.client.UploadPart, &s3.UploadPartInput{
			Bucket: &e.Bucket, Key: &e.Key, UploadId: &e.UploadID, PartNumber: &number,
			Body: io.NewSectionReader(o.Body, from, size), ContentLength: &size, ChecksumCRC32C: sum,
		})
		if err == nil && out.ETag == nil {
			err = errNoETag
		}
		if err == nil {
			return types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC32C: sum}, nil
		}
		if attempt == 2 || !mayPass(err) || ctx.Err() != nil {
			return types.CompletedPart{}, err
		}
		if backOff(ctx, attempt) != nil {
			return types.CompletedPart{}, err
		}
	}
}

func (s *S3) complete(ctx context.Context, e *entry, o Object, parts []types.CompletedPart, conditional bool) error {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &e.Bucket, Key: &e.Key, UploadId: &e.UploadID,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}
	if conditional {
		in.IfNoneMatch = &anyTag
	}
	if s.checksums {
		in.MpuObjectSize = &o.Size
	}
	out, err := call(ctx, 10*s.cfg.Timeout, s.client.CompleteMultipartUpload, in)
	if err == nil && out.ETag == nil {
		err = errNoETag
	}
	return err
}

// abandon aborts an upload that came to nothing, even when the putter is told
// to stop. If completing it had no answer, the store decides which came first.
func (s *S3) abandon(ctx context.Context, e *entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(s.cfg.Timeout, maxAbort))
	defer cancel()
	if err := s.abort(ctx, e); err != nil {
		s.journal.orphan(e)
		return
	}
	s.journal.end(e)
}

func (s *S3) abort(ctx context.Context, e *entry) error {
	_, err := call(ctx, s.budget(0), s.client.AbortMultipartUpload,
		&s3.AbortMultipartUploadInput{Bucket: &e.Bucket, Key: &e.Key, UploadId: &e.UploadID})
	for _, over := range []error{errUploadGone, errNoBucket, ErrNotFound} {
		if errors.Is(err, over) {
			return nil
		}
	}
	return err
}
