package objput

import (
	"context"
	"errors"
	"io"
)

var (
	// ErrExists says that there is an object at the key. It is durable.
	ErrExists = errors.New("object exists")
	// ErrNotFound says that there is no object at the key.
	ErrNotFound = errors.New("object not found")
	// ErrRefused is in errors that asking again will not cure by itself:
	// permissions, a bucket or key that cannot be.
	ErrRefused = errors.New("refused by the object store")
)

// Store puts and reads objects. Its methods may be called concurrently.
type Store interface {
	// PutIfAbsent makes an object that is durable when nil is returned, or
	// returns ErrExists. After any other error nobody knows whether the object
	// is there: ask again with the same object.
	PutIfAbsent(ctx context.Context, bucket, key string, o Object) error
	// Head describes an object, ErrNotFound if there is none.
	Head(ctx context.Context, bucket, key string) (Attributes, error)
	// Get opens an object for reading from its start, ErrNotFound if there is none.
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
}

// Object is what is to be put.
type Object struct {
	// Body is read from 0 to Size, more than once where an attempt is repeated.
	Body            io.ReaderAt
	Size            int64
	ContentType     string
	ContentEncoding string
	// Meta is the object's user metadata: lower-case keys, printable values.
	Meta map[string]string
}

// Attributes describe an object.
type Attributes struct {
	Size            int64
	ContentType     string
	ContentEncoding string
	// Meta is nil when the object has none or when it cannot be trusted to be
	// this object's.
	Meta map[string]string
}
