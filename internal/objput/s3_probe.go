package objput

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// probeKey is the object on which If-None-Match is tried out. It stays, so that
// the next probe is one request.
const probeKey = "_sluice/probe-if-none-match"

// honour is what a bucket's store makes of If-None-Match.
type honour struct {
	put, complete             bool // PutObject and CompleteMultipartUpload obey it
	putProbed, completeProbed bool
	swap, swapProbed          bool // PutObject obeys If-Match
}

// AtLeastOnce reports whether puts into the bucket were found to be HEAD, then
// PUT, because its store ignores If-None-Match.
func (s *S3) AtLeastOnce(bucket string) bool {
	h := s.known(bucket)
	return h.putProbed && !h.put
}

func (s *S3) known(bucket string) honour {
	if !s.custom() {
		return honour{put: true, complete: true, putProbed: true, completeProbed: true} // by AWS's contract
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.honour[bucket]
}

// learn remembers what a probe found, and reports whether it is news.
func (s *S3) learn(bucket string, set func(*honour)) (h honour, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h = s.honour[bucket]
	set(&h)
	news = h != s.honour[bucket]
	s.honour[bucket] = h
	return h, news
}

// honours probes what is not known yet. Several first putters may probe at once:
// they find the same.
func (s *S3) honours(ctx context.Context, bucket string, parts bool) (honour, error) {
	h := s.known(bucket)
	if !h.putProbed {
		s.abortOrphans(ctx, bucket)
		honoured, err := s.probe(ctx, func() error {
			return s.patiently(ctx, func() error { return s.putWhole(ctx, bucket, probeKey, probeObject(), true) })
		})
		if err != nil {
			return h, err
		}
		var news bool
		h, news = s.learn(bucket, func(h *honour) { h.put, h.putProbed = honoured, true })
		if news && !honoured {
			s.cfg.Logger.Warn("the object store ignores If-None-Match: objects are put by HEAD, then PUT, so delivery there is at least once, not exactly once",
				"endpoint", s.endpoint(), "bucket", bucket)
		}
	}
	if !parts || !h.put || h.completeProbed {
		return h, nil
	}
	honoured, err := s.probe(ctx, func() error { return s.upload(ctx, bucket, probeKey, probeObject(), true) })
	if err != nil {
		return h, err
	}
	h, news := s.learn(bucket, func(h *honour) { h.complete, h.completeProbed = honoured, true })
	if news && !honoured {
		s.cfg.Logger.Warn("the object store ignores If-None-Match when it completes multipart uploads: objects up to 5 GiB go in one request, larger ones at least once",
			"endpoint", s.endpoint(), "bucket", bucket)
	}
	return h, nil
}

// probe puts the probe object until the store says that it is there; a store
// that took it twice does not care.
func (s *S3) probe(ctx context.Context, put func() error) (honoured bool, err error) {
	for range 2 {
		err := put()
		switch {
		case err == ErrExists:
			return true, nil
		case errors.Is(err, errNotImplemented):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("try out conditional puts on %s: %w", probeKey, err)
		}
	}
	return false, ctx.Err()
}

func probeObject() Object {
	const text = "sluice tries out here whether puts are conditional.\n"
	return Object{Body: strings.NewReader(text), Size: int64(len(text)), ContentType: "text/plain"}
}
