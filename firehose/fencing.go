package firehose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sluice/internal/objput"
)

// objectName is what a manifest knows an object by; the bucket is empty for the
// manifest's own.
type objectName struct{ bucket, key string }

// precedent looks whether the manifest of the cut is there already. It is ours,
// if the process crashed before the commit; or it was put by somebody who went on
// with a copy of the data folder. His cut may hold the same records under other
// names (a name has the version of the settings and an instant), which no put
// would run into: so the objects of a cut that has a manifest are those of the
// manifest, and none is put any more.
func (l *lane) precedent(ctx context.Context, a *attempt) error {
	a.named = nil
	bucket, key := a.told.config.bucket(), manifestKey(a.plan.chain, l.id, a.plan.cut)
	r, err := l.room.links.Store.Get(ctx, bucket, key)
	switch {
	case errors.Is(err, objput.ErrNotFound):
		return nil
	case errors.Is(err, objput.ErrRefused):
		return nil // who may put need not be allowed to look
	case err != nil:
		return err
	}
	text, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read manifest %s/%s: %w", bucket, key, err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return &stopError{Fenced, fmt.Errorf("read manifest %s/%s: %w", bucket, key, err)}
	}
	a.named = make(map[objectName]manifestObject, len(m.Objects))
	for _, o := range m.Objects {
		a.named[objectName{o.Bucket, o.Key}] = o
	}
	return nil
}

// putBefore is the object of a cut that has a manifest: the same records under the
// same name, or the manifest is somebody else's.
func (l *lane) putBefore(a *attempt, m manifestObject) (manifestObject, error) {
	was, ok := a.named[objectName{m.Bucket, m.Key}]
	if !ok || was.Hash != m.Hash || was.Records != m.Records {
		return m, &stopError{Fenced, fmt.Errorf("cut %d of %s has a manifest, which does not name %s with these records: another sluice, or another data folder of this one, delivers there under the same name",
			a.plan.cut, a.plan.arn, m.Key)}
	}
	m.Size = was.Size // another version's encoder may have made it
	return m, nil
}
