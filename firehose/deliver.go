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
	"time"

	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/objput"
	"sluice/internal/wal"
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

// deliver makes one attempt at the open plan.
func (l *lane) deliver(ctx context.Context, cur cursor) error {
	if err := l.room.uploads.acquire(ctx); err != nil {
		return err
	}
	defer l.room.uploads.release()
	object, bytes, err := l.encode(ctx, cur.plan)
	if err != nil {
		return err
	}
	defer object.Release()
	if object.Count < cur.plan.count {
		// The log has lost frames, which it counts and quarantines itself.
		l.room.cfg.Logger.Warn("fewer records than the index counted", "stream", l.stream.Name,
			"range", cur.plan.span(l.shard).String(), "planned", cur.plan.count, "found", object.Count)
	}
	var objects []manifestObject
	if object.Count > 0 {
		made, err := l.put(ctx, cur.plan, object)
		if err != nil {
			return err
		}
		objects = append(objects, made)
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	return l.commit(ctx, cur, objects, object.Count, bytes)
}

// encode makes the object of a plan from the log.
func (l *lane) encode(ctx context.Context, p *plan) (format.Object, int64, error) {
	if err := l.room.encoders.acquire(ctx); err != nil {
		return format.Object{}, 0, err
	}
	defer l.room.encoders.release()
	codec, err := format.CodecNamed(p.codec)
	if err != nil {
		return format.Object{}, 0, fmt.Errorf("encode object: %w", err)
	}
	var body body = newLanding(p.form, codec.NewWriter())
	defer body.discard()
	bytes := int64(0)
	err = l.room.links.Source.Parcels(ctx, l.stream.Route, p.span(l.shard), func(p event.Parcel) error {
		bytes += int64(p.Bytes())
		for _, r := range p.Records {
			body.record(p.Arrived, r)
		}
		for _, d := range p.Deliveries {
			body.delivery(d)
		}
		return nil
	})
	if err != nil {
		return format.Object{}, 0, fmt.Errorf("read %v of the stream: %w", p.span(l.shard), err)
	}
	object, err := body.close()
	return object, bytes, err
}

// put makes sure that the object is there, by this attempt or an earlier one.
func (l *lane) put(ctx context.Context, p *plan, object format.Object) (manifestObject, error) {
	m := manifestObject{
		Key: p.key, Size: object.Size(), Records: object.Count, Bytes: object.RecordBytes,
		Hash: fmt.Sprintf("%016x", object.Hash),
	}
	codec, err := format.CodecNamed(p.codec)
	if err != nil {
		return m, err
	}
	meta := l.objectMeta(p, m)
	err = l.room.links.Store.PutIfAbsent(ctx, p.bucket, p.key, objput.Object{
		Body: object.Body, Size: object.Size(), ContentType: format.ContentType,
		ContentEncoding: codec.ContentEncoding, Meta: meta,
	})
	if !errors.Is(err, objput.ErrExists) {
		return m, err
	}
	there, err := l.room.links.Store.Head(ctx, p.bucket, p.key)
	if err != nil {
		return m, err
	}
	if !maps.Equal(there.Meta, meta) {
		return m, &stopError{Fenced, fmt.Errorf("object %s/%s holds other records than this delivery stream's %v: %v, not %v",
			p.bucket, p.key, p.span(l.shard), there.Meta, meta)}
	}
	m.Size = there.Size // another version's encoder may have made it
	return m, nil
}

// objectMeta is what tells one object of a lane from another: not what the
// codec made of it, which may change between versions.
func (l *lane) objectMeta(p *plan, m manifestObject) map[string]string {
	return map[string]string{
		"sluice-stream": p.arn,
		"sluice-shard":  strconv.FormatUint(uint64(l.shard), 10),
		"sluice-start":  strconv.FormatUint(p.first, 10),
		"sluice-end":    strconv.FormatUint(p.end, 10),
		"sluice-count":  strconv.FormatInt(m.Records, 10),
		"sluice-xxh64":  m.Hash,
	}
}

// commit writes the manifest, then the position.
func (l *lane) commit(ctx context.Context, cur cursor, objects []manifestObject, records, bytes int64) error {
	p := cur.plan
	body, err := newManifest(l.stream.Route, l.shard, cur, records, bytes, objects)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := l.putManifest(ctx, p, body); err != nil {
		return err
	}
	m := commit{
		position: p.end, delivered: records, bytes: bytes, cut: p.cut,
		objects: int64(len(objects)), manifest: sha256.Sum256(body),
	}
	for _, o := range objects {
		m.objectBytes += o.Size
	}
	return l.journal(ctx, wal.TypeCommit, m.append(nil))
}

// putManifest makes sure that the manifest is there, by this attempt or an
// earlier one.
func (l *lane) putManifest(ctx context.Context, p *plan, body []byte) error {
	key := manifestKey(p.chain, l.shard, p.cut)
	err := l.room.links.Store.PutIfAbsent(ctx, p.bucket, key, objput.Object{
		Body: bytes.NewReader(body), Size: int64(len(body)), ContentType: "application/json",
	})
	if !errors.Is(err, objput.ErrExists) {
		return err
	}
	r, err := l.room.links.Store.Get(ctx, p.bucket, key)
	if err != nil {
		return err
	}
	there, err := io.ReadAll(io.LimitReader(r, int64(len(body))+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read manifest %s/%s: %w", p.bucket, key, err)
	}
	if !bytes.Equal(there, body) {
		return &stopError{Fenced, fmt.Errorf("manifest %s/%s is not this delivery stream's: another sluice, or another data folder of this one, delivers there under the same name", p.bucket, key)}
	}
	return nil
}
