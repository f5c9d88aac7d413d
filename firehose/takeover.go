package firehose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sluice/internal/objput"
)

// recover finds where the part's last owner left off: by what the source keeps,
// else by the manifests, and in any case by the manifests that came after.
func (f *remote) recover(ctx context.Context) error {
	c, err := f.claim.Committed(ctx)
	if err != nil {
		return fmt.Errorf("read what is committed: %w", err)
	}
	n, err := openNote(c.Note)
	known := c.Known && err == nil
	var (
		at   cursor
		from Place
		keys keyMarks
	)
	if known {
		at, from, keys, err = f.fromNote(ctx, c, n)
	} else {
		at, from, keys, err = f.fromChain(ctx, c)
	}
	if err != nil {
		return err
	}
	moved, err := f.followManifests(ctx, &at, &from, &keys)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.cur, f.place, f.proposed = at, from, nil
	f.mu.Unlock()
	f.spool.reset(from, keys)
	switch {
	case known && !moved:
		f.passed(c.Place)
		return nil
	case c.Known && !known && c.Place.Number > from.Number: // somebody moved the group on
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ahead = &GapError{From: from, First: c.Place}
		return nil
	}
	return f.moveTo(ctx, at, from, f.bucket)
}

// passed goes on behind the lane's position, where the last owner said so.
func (f *remote) passed(to Place) {
	f.mu.Lock()
	if to.Number > f.place.Number {
		f.place = to
	}
	f.mu.Unlock()
	f.goOn()
}

// fromNote goes by what the last owner committed.
func (f *remote) fromNote(ctx context.Context, c Committed, n *note) (at cursor, from Place, keys keyMarks, err error) {
	at, from, keys = cursor{position: n.position}, Place{n.position, c.Place.Token}, keyMarks{}
	f.bucket = n.bucket
	if n.cuts > 0 {
		m, body, err := f.manifest(ctx, n.bucket, n.cuts)
		switch {
		case errors.Is(err, objput.ErrNotFound), err == nil && sha256.Sum256(body) != n.manifest:
			return at, from, nil, f.fenced("manifest %d of %s is not the one that was committed", n.cuts, f.claim.Part())
		case err != nil:
			return at, from, nil, err
		}
		if err := f.stand(m, body, &at, &from, &keys); err != nil {
			return at, from, nil, err
		}
	}
	at.plan = n.plan
	if n.intent != nil {
		at.plan, err = f.intent(ctx, n)
	}
	return at, from, keys, err
}

// fromChain goes by the manifests: nobody committed, or it was forgotten, as
// brokers do with groups that sleep for long, or somebody else did, to move the
// group.
func (f *remote) fromChain(ctx context.Context, c Committed) (at cursor, from Place, keys keyMarks, err error) {
	f.bucket = f.stream.settings().config.bucket()
	last, err := f.lastCut(ctx)
	if made := f.stream.source.Bucket; err == nil && last == 0 && made != f.bucket {
		// The destination has moved, and the chain began where it was. What came
		// after is followed from there.
		was := f.bucket
		f.bucket = made
		if last, err = f.lastCut(ctx); last == 0 {
			f.bucket = was
		}
	}
	if err != nil {
		return at, from, nil, err
	}
	keys = keyMarks{}
	if last == 0 {
		if from = c.Place; !c.Known {
			if from, err = f.claim.Start(ctx); err != nil {
				return at, from, nil, fmt.Errorf("find the start: %w", err)
			}
		}
		return cursor{position: from.Number}, from, keys, nil
	}
	m, body, err := f.manifest(ctx, f.bucket, last)
	if err != nil {
		return at, from, nil, err
	}
	f.room.cfg.Logger.Warn("the source does not know where delivery is; the manifests do", "stream", f.stream.Name,
		"part", f.claim.Part(), "cut", last, "position", m.position(), "committed", c.Place.Number)
	return at, from, keys, f.stand(m, body, &at, &from, &keys)
}

// followManifests goes on over the cuts that have a manifest already: of the open
// plan, whose owner crashed before the commit; or of plans that the source has
// forgotten, with a commit that was lost. It tells whether there were any.
func (f *remote) followManifests(ctx context.Context, at *cursor, from *Place, keys *keyMarks) (moved bool, err error) {
	for {
		bucket := f.stream.settings().config.bucket()
		if at.plan != nil {
			told, err := f.stream.settingsAt(version{at.plan.version, at.plan.config})
			if err != nil {
				return moved, fmt.Errorf("read settings: %w", err)
			}
			bucket = told.config.bucket()
		}
		m, body, err := f.manifest(ctx, bucket, at.cuts+1)
		if errors.Is(err, objput.ErrNotFound) {
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
		if !f.follows(m, *at) {
			return moved, f.fenced("manifest %d of %s does not follow what was committed", at.cuts+1, f.claim.Part())
		}
		if err := f.stand(m, body, at, from, keys); err != nil {
			return moved, err
		}
		f.bucket, moved = bucket, true
	}
}

// follows tells whether a manifest is of the next cut, and of the open plan if
// there is one.
func (f *remote) follows(m *manifest, at cursor) bool {
	return m.Previous == hex.EncodeToString(at.manifest[:]) && m.Start == at.position &&
		(at.plan == nil || m.End == at.plan.end && m.position() == at.plan.position)
}

// position is that of the lane after the cut.
func (m *manifest) position() uint64 {
	if m.Version == 1 {
		return m.End
	}
	return m.Position
}

// stand has a cursor stand behind the cut of a manifest.
func (f *remote) stand(m *manifest, body []byte, at *cursor, from *Place, keys *keyMarks) error {
	if m.Source != f.stream.source.ARN || m.Lane != f.claim.Part() || m.DeliveryStream != f.stream.arn {
		return f.fenced("manifest %d of %s is of %s of %s: deliver another source by a delivery stream of another name", m.Cut, f.claim.Part(), m.Lane, m.Source)
	}
	*at = cursor{position: m.position(), cuts: m.Cut, manifest: sha256.Sum256(body)}
	*from = Place{at.position, m.Place}
	*keys = openKeys(m.Keys)
	if len(m.Ahead) == 0 {
		return nil
	}
	if m.AheadBy == nil {
		return f.fenced("manifest %d of %s names partitions without their settings", m.Cut, f.claim.Part())
	}
	at.marks, at.markedBy = make(map[string]uint64, len(m.Ahead)), &version{m.AheadBy.Version, m.AheadBy.Config}
	for name, end := range m.Ahead {
		b, err := hex.DecodeString(name)
		if err != nil {
			return f.fenced("manifest %d of %s: %v", m.Cut, f.claim.Part(), err)
		}
		at.marks[string(b)] = end
	}
	return nil
}

func (f *remote) fenced(format string, args ...any) error {
	return &stopError{Fenced, fmt.Errorf(format, args...)}
}

// manifest reads one; objput.ErrNotFound when there is none.
func (f *remote) manifest(ctx context.Context, bucket string, cut uint64) (*manifest, []byte, error) {
	key := manifestKey(f.stream.chain, f.claim.Part(), cut)
	body, err := f.get(ctx, bucket, key)
	if err != nil {
		return nil, nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(body, m); err != nil || m.Version < 1 || m.Version > 2 || m.Cut != cut {
		return nil, nil, f.fenced("manifest %s/%s is of another version: %v", bucket, key, err)
	}
	return m, body, nil
}

func (f *remote) get(ctx context.Context, bucket, key string) ([]byte, error) {
	r, err := f.room.links.Store.Get(ctx, bucket, key)
	if err != nil {
		return nil, fmt.Errorf("get %s/%s: %w", bucket, key, err)
	}
	body, err := io.ReadAll(io.LimitReader(r, maxIntent))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", bucket, key, err)
	}
	return body, nil
}

// intent reads a plan that is an object.
func (f *remote) intent(ctx context.Context, n *note) (*plan, error) {
	key := intentKey(f.stream.chain, f.claim.Part(), n.cuts+1, *n.intent)
	body, err := f.get(ctx, n.bucket, key)
	if err != nil {
		return nil, err
	}
	p, err := openPlan(body)
	if err != nil || sha256.Sum256(body) != *n.intent {
		return nil, f.fenced("plan %s/%s is not the one that was committed", n.bucket, key)
	}
	return p, nil
}

// lastCut finds the last manifest of the part without listing: their numbers have
// no holes.
func (f *remote) lastCut(ctx context.Context) (uint64, error) {
	there := func(cut uint64) (bool, error) {
		_, err := f.room.links.Store.Head(ctx, f.bucket, manifestKey(f.stream.chain, f.claim.Part(), cut))
		if errors.Is(err, objput.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	low, high := uint64(0), uint64(1) // low is there, or none is; high is not
	for {
		ok, err := there(high)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		low, high = high, 2*high
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		ok, err := there(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}
