package objput

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sluice/internal/clock"
	"sluice/internal/crc32c"
)

// S3 is a Store in S3, or in a store that speaks its protocol.
//
//	up to PartSize   PutObject, If-None-Match: *
//	above            HeadObject (is it there already?)
//	                 journal -> CreateMultipartUpload -> UploadPart ...
//	                 -> CompleteMultipartUpload, If-None-Match: *
//
// 412 is ErrExists; 409 is tried again at once, for an upload with a new one;
// whatever the caller cannot cure by waiting is ErrRefused: 403, a bucket that
// is not there, KMS, no credentials. Everything else, a timeout above all,
// leaves open whether the object is there: the caller puts again and is told
// ErrExists when it was.
//
// Whether a store other than AWS honours If-None-Match is tried out at the first
// put into a bucket, on the object _sluice/probe-if-none-match, which stays.
// Where it does not, a put is HEAD, then PUT: two putters at once may both
// succeed, delivery is at least once, AtLeastOnce says so, and so does the log.
//
// Nothing is buffered: bodies and parts are read from the caller's Body while
// they are sent, up to three times for checksum, signature and wire. What survives a
// crash is in the store, and in the journal which uploads to abort there.
type S3 struct {
	cfg       S3Config
	client    *s3.Client
	transport *http.Transport
	checksums bool
	journal   *journal

	mu     sync.Mutex
	honour map[string]honour // by bucket
}

// OpenS3 makes the client and reads the journal. It calls no S3: a store that is
// away when sluice starts is one to be waited for.
func OpenS3(ctx context.Context, cfg S3Config) (*S3, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, fmt.Errorf("open S3: %w", err)
	}
	s := &S3{cfg: cfg, transport: newTransport(), honour: make(map[string]honour)}
	var err error
	if s.client, err = newClient(ctx, cfg, s.transport); err != nil {
		return nil, fmt.Errorf("open S3: %w", err)
	}
	s.checksums = cfg.Checksums.or(!s.custom())
	if s.journal, err = openJournal(cfg.FS, cfg.Journal, s.endpoint()); err != nil {
		return nil, fmt.Errorf("open S3: %w: %w", ErrJournal, err)
	}
	return s, nil
}

// Close drops the idle connections. Calls under way go on.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// custom reports whether the objects go elsewhere than to AWS.
func (s *S3) custom() bool { return s.client.Options().BaseEndpoint != nil }

// endpoint is what the journal knows the store by.
func (s *S3) endpoint() string {
	if base := s.client.Options().BaseEndpoint; base != nil {
		return *base
	}
	return "aws " + s.client.Options().Region
}

// PutIfAbsent implements Store.
func (s *S3) PutIfAbsent(ctx context.Context, bucket, key string, o Object) error {
	err := checkNames(bucket, key)
	if err == nil {
		err = toPutter(s.put(ctx, bucket, key, o))
	}
	if err == nil || err == ErrExists {
		return err
	}
	return fmt.Errorf("put object %s/%s: %w", bucket, key, err)
}

// maxPut is the largest PutObject that S3 takes, in bytes.
const maxPut = 5 << 30

func (s *S3) put(ctx context.Context, bucket, key string, o Object) error {
	h, err := s.honours(ctx, bucket, o.Size > s.cfg.PartSize)
	if err != nil {
		return err
	}
	switch {
	case o.Size <= s.cfg.PartSize, h.put && !h.complete && o.Size <= maxPut:
		return s.patiently(ctx, func() error { return s.putWhole(ctx, bucket, key, o, h.put) })
	default:
		return s.putParts(ctx, bucket, key, o, h.complete)
	}
}

// patiently repeats what found another write of the key under way.
func (s *S3) patiently(ctx context.Context, put func() error) error {
	for attempt := 0; ; attempt++ {
		err := put()
		if !errors.Is(err, errConflict) || attempt == 5 {
			return err
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// backOff waits 25 ms, 50 ms, 100 ms and so on, at random between half and all
// of it.
func backOff(ctx context.Context, attempt int) error {
	longest := 25 * time.Millisecond << attempt
	return clock.Machine{}.Sleep(ctx, longest/2+rand.N(longest/2))
}

func (s *S3) putWhole(ctx context.Context, bucket, key string, o Object, conditional bool) error {
	in := &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: io.NewSectionReader(o.Body, 0, o.Size), ContentLength: &o.Size,
		ContentType: optional(o.ContentType), ContentEncoding: optional(o.ContentEncoding), Metadata: o.Meta,
		ServerSideEncryption: types.ServerSideEncryption(s.cfg.SSE), SSEKMSKeyId: optional(s.cfg.SSEKMSKeyID),
	}
	var err error
	if in.ChecksumCRC32C, err = s.checksum(o.Body, 0, o.Size); err != nil {
		return err
	}
	if conditional {
		in.IfNoneMatch = &anyTag
	} else if err := s.absent(ctx, bucket, key); err != nil {
		return err
	}
	out, err := call(ctx, s.budget(o.Size), s.client.PutObject, in)
	if err == nil && out.ETag == nil {
		err = errNoETag
	}
	return err
}

// anyTag is what If-None-Match says: no object, whatever its tag.
var anyTag = "*"

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// absent returns ErrExists when the key has an object.
func (s *S3) absent(ctx context.Context, bucket, key string) error {
	_, err := s.head(ctx, bucket, key)
	if err == nil {
		return ErrExists
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// checksum is CRC-32C in S3's spelling, nil when the store is not to get any.
func (s *S3) checksum(body io.ReaderAt, from, to int64) (*string, error) {
	if !s.checksums {
		return nil, nil
	}
	var sum crc32c.Digest
	n, err := copyBody(&sum, Object{Body: io.NewSectionReader(body, from, to-from), Size: to - from})
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if n != to-from {
		return nil, fmt.Errorf("read body: %w", io.ErrUnexpectedEOF)
	}
	text := base64Sum(binary.BigEndian.AppendUint32(nil, uint32(sum)))
	return &text, nil
}

// minRate is how slow a body may travel, in bytes a second.
const minRate = 256 << 10

// budget is how long a call that carries size bytes may take.
func (s *S3) budget(size int64) time.Duration {
	return s.cfg.Timeout + time.Duration(size/minRate)*time.Second
}

// call makes one attempt at one operation, in the given time.
func call[I, O any](ctx context.Context, budget time.Duration,
	operation func(context.Context, *I, ...func(*s3.Options)) (*O, error), in *I) (*O, error) {
	limited, cancel := context.WithTimeoutCause(ctx, budget, errSilent)
	defer cancel()
	out, err := operation(limited, in)
	return out, classifyS3(limited, err)
}

// Head implements Store.
func (s *S3) Head(ctx context.Context, bucket, key string) (Attributes, error) {
	err := checkNames(bucket, key)
	if err == nil {
		var a Attributes
		if a, err = s.head(ctx, bucket, key); err == nil {
			return a, nil
		}
	}
	return Attributes{}, fmt.Errorf("head object %s/%s: %w", bucket, key, toReader(err))
}

func (s *S3) head(ctx context.Context, bucket, key string) (Attributes, error) {
	out, err := call(ctx, s.budget(0), s.client.HeadObject, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err == nil && out.ETag == nil {
		err = errNoETag // taken for an object without metadata, it would be somebody else's
	}
	if err != nil {
		return Attributes{}, err
	}
	a := Attributes{Size: orZero(out.ContentLength), ContentType: orZero(out.ContentType), ContentEncoding: orZero(out.ContentEncoding)}
	if len(out.Metadata) > 0 {
		a.Meta = out.Metadata
	}
	return a, nil
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// BucketExists tells whether there is a bucket. One that is not ours to look at
// is ErrRefused.
func (s *S3) BucketExists(ctx context.Context, bucket string) (bool, error) {
	err := checkNames(bucket, "-")
	if err == nil {
		_, err = call(ctx, s.budget(0), s.client.HeadBucket, &s3.HeadBucketInput{Bucket: &bucket})
		if err = toReader(err); errors.Is(err, ErrNotFound) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("head bucket %s: %w", bucket, err)
	}
	return true, nil
}

func checkNames(bucket, key string) error {
	switch {
	case bucket == "":
		return fmt.Errorf("%w: no bucket is named", ErrRefused)
	case key == "":
		return fmt.Errorf("%w: the key is empty", ErrRefused)
	case len(key) > maxKey:
		return fmt.Errorf("%w: key of %d bytes, at most %d fit", ErrRefused, len(key), maxKey)
	}
	return nil
}
