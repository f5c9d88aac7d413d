package objput

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// List implements Lister, a thousand keys a page.
func (s *S3) List(ctx context.Context, bucket, prefix string, visit func(Listed) error) error {
	return s.list(ctx, bucket, prefix, func(o types.Object) error {
		return visit(Listed{Key: orZero(o.Key), Size: orZero(o.Size)})
	})
}

func (s *S3) list(ctx context.Context, bucket, prefix string, visit func(types.Object) error) error {
	err := checkNames(bucket, "-")
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: optional(prefix)}
	for err == nil {
		var page *s3.ListObjectsV2Output
		if page, err = call(ctx, s.budget(0), s.client.ListObjectsV2, in); err != nil {
			break
		}
		for _, o := range page.Contents {
			if err := visit(o); err != nil {
				return err
			}
		}
		if !orZero(page.IsTruncated) || page.NextContinuationToken == nil {
			return nil
		}
		in.ContinuationToken = page.NextContinuationToken
	}
	return fmt.Errorf("list %s/%s: %w", bucket, prefix, toReader(err))
}
