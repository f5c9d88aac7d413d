package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"path"
	"strconv"
	"strings"
	"sync"

	"sluice/internal/objput"
)

func name(key string) (sum [16]byte) {
	whole := sha256.Sum256([]byte(key))
	copy(sum[:], whole[:])
	return sum
}

// author is who put an object: what its metadata say of it, and in words.
type author struct{ key, name, words string }

// objects looks at the objects of the manifest at a key, some at a time.
func (v *verifier) objects(ctx context.Context, from string, by author, list []entry) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, v.cfg.Parallel)
	errs := make([]error, len(list))
	for i := range list {
		o := &list[i]
		bucket := o.Bucket
		if bucket == "" {
			bucket = v.cfg.Bucket
			if _, twice := v.known[name(o.Key)]; twice {
				v.find(Overlap, o.Key, "%s names it, as an earlier manifest did", from)
			}
			v.known[name(o.Key)] = struct{}{}
		}
		if !strings.HasPrefix(o.Key, v.cfg.Prefix) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = v.object(ctx, bucket, by, o)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// object compares one object with its entry.
func (v *verifier) object(ctx context.Context, bucket string, by author, o *entry) error {
	at, err := v.cfg.Store.Head(ctx, bucket, o.Key)
	v.mu.Lock()
	v.progress.Objects++
	v.mu.Unlock()
	switch {
	case errors.Is(err, objput.ErrNotFound):
		v.find(MissingObject, o.Key, "%s put it into %s", by.words, bucket)
		return nil
	case err != nil:
		return err
	case at.Size != o.Size:
		v.find(OtherObject, o.Key, "%d bytes, the manifest says %d", at.Size, o.Size)
		return nil
	case at.Meta == nil:
		v.find(OtherObject, o.Key, "its metadata is gone, or of other bytes than it has")
		return nil
	case at.Meta["sluice-xxh64"] != o.XXH64 || at.Meta["sluice-count"] != strconv.FormatInt(o.Records, 10) || at.Meta[by.key] != by.name:
		v.find(OtherObject, o.Key, "it holds %s records with hash %s of %s, the manifest says %d with %s", at.Meta["sluice-count"], at.Meta["sluice-xxh64"], at.Meta[by.key], o.Records, o.XXH64)
		return nil
	}
	if !v.cfg.Deep {
		return nil
	}
	return v.deep(ctx, bucket, o, at)
}

// writeTest is what an export task, AWS's too, leaves where it may write.
const writeTest = "aws-logs-write-test"

// listed looks at an object that lies in the bucket.
func (v *verifier) listed(ctx context.Context, l objput.Listed) error {
	if strings.HasPrefix(l.Key, "_sluice/") || path.Base(l.Key) == writeTest {
		return nil
	}
	if _, known := v.known[name(l.Key)]; known {
		return nil
	}
	at, err := v.cfg.Store.Head(ctx, v.cfg.Bucket, l.Key)
	if errors.Is(err, objput.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if task := at.Meta[exportMeta]; task != "" {
		v.listedExport(l.Key, task)
		return nil
	}
	position, ours := v.ends[at.Meta["sluice-stream"]][at.Meta["sluice-shard"]]
	end, err := strconv.ParseUint(at.Meta["sluice-end"], 10, 64)
	switch {
	case !ours || err != nil:
		v.report.Foreign++
	case end > position:
		v.report.InFlight++
	default:
		v.find(UnknownObject, l.Key, "positions %s to %d of %s, which no manifest puts there", at.Meta["sluice-start"], end, at.Meta["sluice-stream"])
	}
	return nil
}
