package objput

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"sluice/internal/vfs"
)

// metaFile is what S3 would keep beside the object, and what binds it to the
// object's bytes.
type metaFile struct {
	Key             string            `json:"key"`
	Size            int64             `json:"size"`
	Hash            string            `json:"xxh64"` // of the body
	ContentType     string            `json:"contentType,omitempty"`
	ContentEncoding string            `json:"contentEncoding,omitempty"`
	Meta            map[string]string `json:"meta"`
}

const maxMetaFile = 64 << 10

func newMetaFile(key string, o Object, sum uint64) metaFile {
	return metaFile{key, o.Size, hashText(sum), o.ContentType, o.ContentEncoding, o.Meta}
}

func hashText(sum uint64) string { return fmt.Sprintf("%016x", sum) }

// writeMeta installs a metadata file, durably. It replaces what an attempt that
// never linked its object left there.
func (f *Folder) writeMeta(ctx context.Context, p paths, m metaFile) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxMetaFile {
		return fmt.Errorf("%w: metadata of %d bytes", ErrRefused, len(b))
	}
	dir := path.Dir(p.meta)
	if err := f.makeDir(dir); err != nil {
		return err
	}
	temp, _, err := f.writeTemp(ctx, p, Object{Body: bytes.NewReader(b), Size: int64(len(b))})
	if err != nil {
		return err
	}
	if err := f.fs.Rename(temp, p.meta); err != nil {
		return errors.Join(err, f.fs.Remove(temp))
	}
	return f.fs.SyncDir(dir)
}

// readMeta returns an fs.ErrNotExist for an object without metadata.
func (f *Folder) readMeta(p paths) (m metaFile, err error) {
	b, err := vfs.ReadFile(f.fs, p.meta, maxMetaFile)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("read metadata: %w", err)
	}
	return m, nil
}
