package objput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// swapProbeKey is the object on which If-Match is tried out. It stays.
const swapProbeKey = "_sluice/probe-if-match"

var errSwapsIgnored = fmt.Errorf("%w: it ignores If-Match, so that registers cannot be replaced safely", ErrRefused)

// ReadRegister implements Registers.
func (s *S3) ReadRegister(ctx context.Context, bucket, key string) ([]byte, string, error) {
	value, tag, err := s.readRegister(ctx, bucket, key)
	if err != nil {
		return nil, "", fmt.Errorf("read register %s/%s: %w", bucket, key, toReader(err))
	}
	return value, tag, nil
}

func (s *S3) readRegister(ctx context.Context, bucket, key string) ([]byte, string, error) {
	if err := checkNames(bucket, key); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.budget(maxRegister), errSilent)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, "", classifyS3(ctx, err)
	}
	defer out.Body.Close() // only read
	if out.ETag == nil {
		return nil, "", errNoETag
	}
	value, err := io.ReadAll(io.LimitReader(out.Body, maxRegister+1))
	switch {
	case err != nil:
		return nil, "", classifyS3(ctx, err)
	case len(value) > maxRegister:
		return nil, "", fmt.Errorf("%w: more than %d bytes are no register", ErrRefused, maxRegister)
	}
	return value, *out.ETag, nil
}

// SwapRegister implements Registers by If-Match and If-None-Match.
func (s *S3) SwapRegister(ctx context.Context, bucket, key, tag string, value []byte) (string, error) {
	err := checkNames(bucket, key)
	if err == nil && len(value) > maxRegister {
		err = fmt.Errorf("%w: register of %d bytes", ErrRefused, len(value))
	}
	if err == nil {
		err = s.obeysIfMatch(ctx, bucket)
	}
	var newTag string
	if err == nil {
		newTag, err = s.swap(ctx, bucket, key, tag, value)
	}
	if err != nil {
		return "", fmt.Errorf("swap register %s/%s: %w", bucket, key, toPutter(err))
	}
	return newTag, nil
}

func (s *S3) swap(ctx context.Context, bucket, key, tag string, value []byte) (string, error) {
	size := int64(len(value))
	in := &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: bytes.NewReader(value), ContentLength: &size, ContentType: optional("application/json"),
		ServerSideEncryption: types.ServerSideEncryption(s.cfg.SSE), SSEKMSKeyId: optional(s.cfg.SSEKMSKeyID),
	}
	if tag == "" {
		in.IfNoneMatch = &anyTag
	} else {
		in.IfMatch = &tag
	}
	out, err := call(ctx, s.budget(size), s.client.PutObject, in)
	switch {
	case err == ErrExists, tag != "" && errors.Is(err, ErrNotFound):
		return "", ErrChanged
	case errors.Is(err, errConflict):
		return "", ErrChanged // somebody else's write of the key won, or will
	case err != nil:
		return "", err
	case out.ETag == nil:
		return "", errNoETag
	}
	return *out.ETag, nil
}

// obeysIfMatch tries out once whether a bucket's store refuses to replace what is
// in another state. AWS does by contract.
func (s *S3) obeysIfMatch(ctx context.Context, bucket string) error {
	if !s.custom() {
		return nil
	}
	s.mu.Lock()
	h := s.honour[bucket]
	s.mu.Unlock()
	if !h.swapProbed {
		obeyed, err := s.probeSwap(ctx, bucket)
		if err != nil {
			return fmt.Errorf("try out conditional puts on %s: %w", swapProbeKey, err)
		}
		h, _ = s.learn(bucket, func(h *honour) { h.swap, h.swapProbed = obeyed, true })
	}
	if !h.swap {
		return errSwapsIgnored
	}
	return nil
}

func (s *S3) probeSwap(ctx context.Context, bucket string) (obeyed bool, err error) {
	o := probeObject()
	if err := s.putWhole(ctx, bucket, swapProbeKey, o, false); err != nil && err != ErrExists {
		return false, err
	}
	_, err = s.swap(ctx, bucket, swapProbeKey, `"00000000000000000000000000000000"`, []byte("this store ignores If-Match\n"))
	switch {
	case err == nil, errors.Is(err, errNotImplemented):
		return false, nil
	case err == ErrChanged:
		return true, nil
	}
	return false, err
}

// ListRegisters implements Registers.
func (s *S3) ListRegisters(ctx context.Context, bucket, prefix string, visit func(key, tag string) error) error {
	return s.list(ctx, bucket, prefix, func(o types.Object) error { return visit(orZero(o.Key), orZero(o.ETag)) })
}
