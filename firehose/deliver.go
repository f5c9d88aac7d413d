package firehose

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"sync"
	"time"

	"sluice/internal/format"
	"sluice/internal/objput"
)

// finishWithin bounds, by the machine's clock, what follows an object that was
// put when the room is told to stop: leaving it without its commit would only
// make the next start do it over.
const finishWithin = 10 * time.Second

// finishing is a context that outlives ctx by finishWithin.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(finishWithin):
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// result is what a cut, or a part of one, came to.
type result struct {
	objects              []manifestObject
	records, bytes       int64 // source records and events that are done
	quarantined, dropped int64 // of records
}

func (r *result) add(k class, records, bytes int64) {
	r.records += records
	r.bytes += bytes
	switch k {
	case classError:
		r.quarantined += records
	case classDropped:
		r.dropped += records
	}
}

// attempt is what a lane keeps between its tries at one plan: what is put already
// is not made again.
type attempt struct {
	plan *plan
	told *settings // by which the plan was made
	done []*result // by part; nil: not yet
	// named are the objects of the cut's manifest, where that is there already;
	// nil: it is not.
	named map[objectName]manifestObject
}

// sum is the result of an attempt of which all parts are done.
func (a *attempt) sum() (all result) {
	for _, r := range a.done {
		all.objects = append(all.objects, r.objects...)
		all.records += r.records
		all.bytes += r.bytes
		all.quarantined += r.quarantined
		all.dropped += r.dropped
	}
	return all
}

// attempt returns what is known of the open plan.
func (l *lane) attempt(p *plan) (*attempt, error) {
	if l.trying != nil && l.trying.plan == p {
		return l.trying, nil
	}
	told, err := l.settingsOf(p)
	if err != nil {
		return nil, fmt.Errorf("read the settings of cut %d: %w", p.cut, err)
	}
	l.trying = &attempt{plan: p, told: told, done: make([]*result, len(p.parts))}
	return l.trying, nil
}

// settingsOf are those that a plan was made by.
func (l *lane) settingsOf(p *plan) (*settings, error) {
	if p.v1 != nil {
		return p.v1.settings()
	}
	return l.stream.settingsAt(version{p.version, p.config})
}

// deliver makes one attempt at the open plan.
func (l *lane) deliver(ctx context.Context, cur cursor) error {
	a, err := l.attempt(cur.plan)
	if err != nil {
		return err
	}
	if err := l.precedent(ctx, a); err != nil {
		return err
	}
	if !a.plan.gap {
		if err := l.feed.await(ctx, a.plan.end); err != nil {
			return err
		}
	}
	switch {
	case a.plan.gap:
		a.done[0] = &result{}
	case a.plan.whole:
		err = l.whole(ctx, a)
	default:
		err = l.parts(ctx, a)
	}
	if err != nil {
		return err
	}
	r := a.sum()
	if planned, _, _ := a.plan.sums(); r.records < planned {
		// The log has lost frames, which it counts and quarantines itself.
		l.room.cfg.Logger.Warn("fewer records than the index counted", "stream", l.stream.Name,
			"range", a.plan.span(l.shard).String(), "planned", planned, "found", r.records)
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	if err := l.commit(ctx, cur, r); err != nil {
		return err
	}
	l.trying = nil
	l.learn(a, r)
	l.logQuarantined(ctx, r)
	if l.ledger != nil {
		l.ledger.delivered(a.plan)
	}
	return nil
}

// put makes sure that the object of a part is there, by this attempt or an
// earlier one.
func (l *lane) put(ctx context.Context, a *attempt, p *part, object format.Object) (m manifestObject, err error) {
	m = manifestObject{
		Key: p.key, Size: object.Size(), Records: object.Count, Bytes: object.RecordBytes,
		Hash: fmt.Sprintf("%016x", object.Hash),
	}
	m.describe(a, p)
	if a.named != nil {
		return l.putBefore(a, m)
	}
	shape := a.told.shape(p.class())
	meta := l.objectMeta(a.plan, p, &m)
	err = l.room.links.Store.PutIfAbsent(ctx, shape.bucket, p.key, objput.Object{
		Body: object.Body, Size: object.Size(), ContentType: shape.contentType,
		ContentEncoding: shape.contentEncoding, Meta: meta,
	})
	if !errors.Is(err, objput.ErrExists) {
		return m, err
	}
	there, err := l.room.links.Store.Head(ctx, shape.bucket, p.key)
	if err != nil {
		return m, err
	}
	if !maps.Equal(there.Meta, meta) {
		return m, &stopError{Fenced, fmt.Errorf("object %s/%s holds other records than this delivery stream's %v: %v, not %v",
			shape.bucket, p.key, a.plan.span(l.shard), there.Meta, meta)}
	}
	m.Size = there.Size // another version's encoder may have made it
	return m, nil
}

// objectMeta is what tells one object of a lane from another: not what the
// codec made of it, which may change between versions.
func (l *lane) objectMeta(p *plan, of *part, m *manifestObject) map[string]string {
	return map[string]string{
		"sluice-stream": p.arn,
		"sluice-shard":  l.id,
		"sluice-start":  strconv.FormatUint(of.first, 10),
		"sluice-end":    strconv.FormatUint(p.endOf(of), 10),
		"sluice-count":  strconv.FormatInt(m.Records, 10),
		"sluice-xxh64":  m.Hash,
	}
}

// each does something for 0 to n-1, as many at once as there may be uploads. The
// first failure ends it.
func (l *lane) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	if n == 1 {
		return do(ctx, 0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(n, cap(l.room.uploads)) {
		workers.Go(func() {
			for i := range work {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// commit writes the manifest, then the position.
func (l *lane) commit(ctx context.Context, cur cursor, r result) error {
	p := cur.plan
	body, err := l.newManifest(ctx, cur, r)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := l.putManifest(ctx, p, body); err != nil {
		return err
	}
	m := commit{
		position: p.position, delivered: r.records, bytes: r.bytes, cut: p.cut,
		objects: int64(len(r.objects)), manifest: sha256.Sum256(body),
		quarantined: r.quarantined, dropped: r.dropped,
	}
	for _, o := range r.objects {
		m.objectBytes += o.Size
	}
	return l.feed.commit(ctx, m)
}

// putManifest makes sure that the manifest is there, by this attempt or an
// earlier one.
func (l *lane) putManifest(ctx context.Context, p *plan, body []byte) error {
	bucket := l.trying.told.config.bucket()
	key := manifestKey(p.chain, l.id, p.cut)
	err := l.room.links.Store.PutIfAbsent(ctx, bucket, key, objput.Object{
		Body: bytes.NewReader(body), Size: int64(len(body)), ContentType: "application/json",
	})
	if !errors.Is(err, objput.ErrExists) {
		return err
	}
	r, err := l.room.links.Store.Get(ctx, bucket, key)
	if err != nil {
		return err
	}
	there, err := io.ReadAll(io.LimitReader(r, int64(len(body))+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read manifest %s/%s: %w", bucket, key, err)
	}
	if !bytes.Equal(there, body) {
		return &stopError{Fenced, fmt.Errorf("manifest %s/%s is not this delivery stream's: another sluice, or another data folder of this one, delivers there under the same name", bucket, key)}
	}
	return nil
}
