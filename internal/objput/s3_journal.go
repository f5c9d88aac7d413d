package objput

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sluice/internal/vfs"
)

// A journal notes the multipart uploads that are under way, because the parts of
// one that a crash left behind cost money until it is aborted. There is one file
// for each upload, <random>.json, of two lines:
//
//	{"endpoint":"...","bucket":"...","key":"..."}    synced before the upload is created
//	{"uploadId":"..."}                               written after; no sync
//
// Without the second line the uploads of that very key are listed and aborted:
// the key names a range of one stream's records, so they are ours. The file goes
// when the upload is completed or aborted. Files for other endpoints are left
// alone until the endpoint is back.
type journal struct {
	fs       vfs.FS // nil: nothing is noted
	dir      string
	endpoint string

	mu      sync.Mutex
	orphans []*entry
}

// entry is one upload.
type entry struct {
	Endpoint string `json:"endpoint"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	UploadID string `json:"uploadId,omitempty"`

	name string   // of the file, "" without one
	file vfs.File // nil when it is of an earlier process
}

const (
	journalSuffix = ".json"
	maxEntry      = 64 << 10
)

// ErrJournal is what OpenS3 gives where the disk, and not the configuration, is at
// fault.
var ErrJournal = errors.New("upload journal")

// openJournal reads what an earlier process left there.
func openJournal(fsys vfs.FS, dir, endpoint string) (*journal, error) {
	j := &journal{endpoint: endpoint}
	if fsys == nil || dir == "" {
		return j, nil
	}
	j.fs, j.dir = fsys, path.Clean(dir)
	if err := makeDurable(fsys, j.dir); err != nil {
		return nil, err
	}
	files, err := fsys.ReadDir(j.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), journalSuffix) {
			continue
		}
		if err := j.load(path.Join(j.dir, f.Name())); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// makeDurable makes a folder whose name, and whose parents' names, a power
// failure does not take. Parents that somebody else made may stand where we
// cannot look.
func makeDurable(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for ; dir != path.Dir(dir); dir = path.Dir(dir) {
		if err := fsys.SyncDir(path.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// load reads one file. One whose first line was not written whole belongs to an
// upload that was never created.
func (j *journal) load(name string) error {
	text, err := vfs.ReadFile(j.fs, name, maxEntry)
	if err != nil {
		return err
	}
	e, whole := parseEntry(text)
	if !whole {
		return j.fs.Remove(name)
	}
	if e.Endpoint == j.endpoint {
		e.name = name
		j.orphans = append(j.orphans, e)
	}
	return nil
}

func parseEntry(text []byte) (_ *entry, whole bool) {
	first, rest, ended := bytes.Cut(text, []byte("\n"))
	var e entry
	if !ended || json.Unmarshal(first, &e) != nil || e.Bucket == "" || e.Key == "" {
		return nil, false
	}
	var named entry
	if line, _, ended := bytes.Cut(rest, []byte("\n")); ended && json.Unmarshal(line, &named) == nil {
		e.UploadID = named.UploadID
	}
	return &e, true
}

// begin notes an upload to come. The entry can be used in any case.
func (j *journal) begin(bucket, key string) (*entry, error) {
	e := &entry{Endpoint: j.endpoint, Bucket: bucket, Key: key}
	if j.fs == nil {
		return e, nil
	}
	name := path.Join(j.dir, rand.Text()+journalSuffix)
	file, err := j.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return e, err
	}
	err = writeLine(file, e)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = j.fs.SyncDir(j.dir)
	}
	if err != nil {
		return e, errors.Join(err, file.Close(), j.fs.Remove(name))
	}
	e.name, e.file = name, file
	return e, nil
}

// name adds the upload's id. Without it the upload is found by its key, so a
// failure changes little.
func (j *journal) name(e *entry) {
	if e.file != nil {
		_ = writeLine(e.file, &struct {
			UploadID string `json:"uploadId"`
		}{e.UploadID})
	}
}

func writeLine(file vfs.File, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return err
}

// end forgets an upload that is over. A file that stays is aborted once more, in
// vain, after the next start.
func (j *journal) end(e *entry) {
	j.shut(e)
	if e.name != "" {
		_ = j.fs.Remove(e.name)
	}
}

func (j *journal) shut(e *entry) {
	if e.file != nil {
		_ = e.file.Close() // what had to be durable was synced
		e.file = nil
	}
}

// orphan remembers an upload that is to be aborted later.
func (j *journal) orphan(e *entry) {
	j.shut(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.orphans = append(j.orphans, e)
}

// take hands out the orphans of a bucket, or of all.
func (j *journal) take(bucket string) []*entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var taken, left []*entry
	for _, e := range j.orphans {
		if bucket == "" || e.Bucket == bucket {
			taken = append(taken, e)
		} else {
			left = append(left, e)
		}
	}
	j.orphans = left
	return taken
}

// AbortOrphans aborts the uploads that an earlier process, or a failed abort of
// this one, left behind. It is called by itself at the first put into a bucket
// and before each multipart upload; a start may call it for the buckets that
// nobody puts into any more.
func (s *S3) AbortOrphans(ctx context.Context) error {
	if err := s.sweep(ctx, ""); err != nil {
		return fmt.Errorf("abort multipart uploads: %w", err)
	}
	return nil
}

// abortOrphans does so on the way to something else.
func (s *S3) abortOrphans(ctx context.Context, bucket string) {
	if err := s.sweep(ctx, bucket); err != nil && ctx.Err() == nil {
		s.cfg.Logger.Warn("multipart uploads that came to nothing are still there and will be tried again: their parts take space",
			"bucket", bucket, "error", err)
	}
}

// sweep goes on after an upload that the store refused to abort, and ends when
// the store is away.
func (s *S3) sweep(ctx context.Context, bucket string) error {
	var all error
	away := false
	for _, e := range s.journal.take(bucket) {
		if away {
			s.journal.orphan(e)
			continue
		}
		err := s.abortOrphan(ctx, e)
		if err == nil {
			s.journal.end(e)
			continue
		}
		s.journal.orphan(e)
		away = mayPass(err)
		all = errors.Join(all, fmt.Errorf("%s/%s: %w", e.Bucket, e.Key, err))
	}
	return all
}

func (s *S3) abortOrphan(ctx context.Context, e *entry) error {
	if e.UploadID != "" {
		return s.abort(ctx, e)
	}
	in := &s3.ListMultipartUploadsInput{Bucket: &e.Bucket, Prefix: &e.Key}
	for {
		out, err := call(ctx, s.budget(0), s.client.ListMultipartUploads, in)
		if errors.Is(err, errNoBucket) || errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range out.Uploads {
			if orZero(u.Key) != e.Key {
				continue
			}
			if err := s.abort(ctx, &entry{Bucket: e.Bucket, Key: e.Key, UploadID: orZero(u.UploadId)}); err != nil {
				return err
			}
		}
		if !orZero(out.IsTruncated) || out.NextKeyMarker == nil {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}
