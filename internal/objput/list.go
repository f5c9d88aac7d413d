package objput

import "context"

// Lister walks over the objects of a bucket. Both stores are one.
type Lister interface {
	// List visits every object whose key begins with prefix, in the order of the
	// store: for S3 that of the keys' bytes. It asks page by page, so memory does
	// not depend on the number of objects; what is put meanwhile may be missed.
	// An error of visit ends the walk and comes back as it is. A bucket that is
	// not there is ErrNotFound.
	List(ctx context.Context, bucket, prefix string, visit func(Listed) error) error
}

// Listed is one object of a list.
type Listed struct {
	// Key is the key that the object was put under.
	Key  string
	Size int64
}
