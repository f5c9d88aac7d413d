package firehose

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"sluice/internal/event"
	"sluice/internal/objput"
)

// remote is the feed of one part of a source outside, for as long as this process
// has it. What it reads lies in a spool; where it stands is what the source keeps
// for the part, a place and a note, and beyond that the chain of manifests, so that
// another process can go on at any moment:
//
//	plan:   commit of the old place with a note that has the plan, or the hash of
//	        an object that has it. Nobody else's plan can come in between, since
//	        the source refuses commits of whoever lost the part; so a plan that was
//	        taken is the only one for its cut, and nothing is put for another.
//	commit: commit of the new place. What it says beyond is in the manifest.
//	pass:   commit of a place behind the lane's position, which stays in the note:
//	        nothing in between is to be delivered, and nothing came after it.
type remote struct {
	room   *Room
	stream *stream
	claim  Claim
	spool  *spool
	lost   context.CancelFunc // ends the lane

	mu       sync.Mutex // guards what follows
	cur      cursor
	place    Place     // of cur.position, or behind it: nothing in between is to be delivered
	bucket   string    // of the last manifest
	proposed *plan     // of which nobody knows whether it was taken
	ahead    *GapError // what comes next is lost; its cut is to be made
	last     bool      // there is nothing more to read
	within   []lost    // what the source lost of the open plan
	need     uint64    // read up to here whatever room is left
	fetched  Fetched
	still    bool   // nothing came with it
	unsure   *Place // of pass, of which nobody knows whether it was kept
	reading  health // of the source
}

func (f *remote) span(from uint64, maxBytes int64) event.Span { return f.spool.span(from, maxBytes) }

// since: the record may have waited in the source for days; its hint begins when
// it comes from there, as the service has it.
func (f *remote) since(at uint64, arrived int64) int64 {
	if ms, ok := f.spool.fetched(at); ok {
		return ms
	}
	return arrived
}

func (f *remote) pressed() bool {
	_, held, _ := f.spool.head()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ahead != nil || f.last || held >= f.room.outside.share()
}

func (f *remote) gap(told *settings) *plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ahead == nil || f.spool.span(f.cur.position, 1).Count > 0 {
		return nil
	}
	to := f.ahead.First
	return &plan{
		version: uint32(told.version()), cut: f.cur.cuts + 1, first: f.cur.position, end: to.Number, position: to.Number,
		arn: f.stream.arn, chain: f.stream.chain, config: told.defined.Config, gap: true,
		parts: []part{{name: string(droppedName), key: to.Token, first: f.cur.position}},
	}
}

// await has the source read up to a position, whatever room is left.
func (f *remote) await(ctx context.Context, end uint64) error {
	f.mu.Lock()
	f.need = max(f.need, end)
	f.mu.Unlock()
	signal(f.spool.room)
	return f.spool.await(ctx, end)
}

func (f *remote) parcels(ctx context.Context, start, end uint64, visit func(event.Parcel) error) error {
	if err := f.spool.parcels(ctx, start, end, visit); err != nil {
		return fmt.Errorf("read [%d,%d) of %s: %w", start, end, f.claim.Part(), err)
	}
	return nil
}

func (f *remote) notify() (more <-chan struct{}, stop func()) { return f.spool.more, func() {} }

func (f *remote) cursor() cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cur
}

// plan has the source keep a plan. When nobody knows whether it did, the next try
// is the same plan, whatever is due by then.
func (f *remote) plan(ctx context.Context, p *plan) error {
	if err := f.ensure(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	if f.proposed == nil {
		f.proposed = p
	}
	p, cur, place := f.proposed, f.cur, f.place
	n := note{position: cur.position, cuts: cur.cuts, manifest: cur.manifest, bucket: f.bucket, plan: p}
	f.mu.Unlock()
	text, err := n.text()
	if err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	err = ErrNoteTooLong
	if len(text) <= MaxNote {
		err = f.keep(ctx, Committed{true, place, text})
	}
	if errors.Is(err, ErrNoteTooLong) {
		err = f.keepIntent(ctx, n, place)
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cur.plan, f.proposed = p, nil
	return nil
}

// keepIntent puts the plan into an object, and keeps its hash in the note.
func (f *remote) keepIntent(ctx context.Context, n note, place Place) error {
	body, sum := planSum(n.plan)
	told, err := f.stream.settingsAt(version{n.plan.version, n.plan.config})
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	// The next owner looks for it in the bucket of the note, or of the settings.
	n.bucket = told.config.bucket()
	if f.bucket != "" && f.bucket != n.bucket {
		n.bucket = f.bucket
	}
	key := intentKey(n.plan.chain, f.claim.Part(), n.plan.cut, sum)
	err = f.room.links.Store.PutIfAbsent(ctx, n.bucket, key, objput.Object{
		Body: bytes.NewReader(body), Size: int64(len(body)), ContentType: "application/octet-stream",
	})
	if err != nil && !errors.Is(err, objput.ErrExists) {
		return fmt.Errorf("put plan: %w", err)
	}
	n.intent = &sum
	text, err := n.text()
	if err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	return f.keep(ctx, Committed{true, place, text})
}

// keep commits to the source. Once the part is lost, the lane ends.
func (f *remote) keep(ctx context.Context, c Committed) error {
	err := f.claim.Commit(ctx, c)
	if errors.Is(err, ErrLost) {
		f.lost()
	}
	if err != nil {
		return fmt.Errorf("commit to the source: %w", err)
	}
	return nil
}

// after is the cursor that the open plan leads to.
func (c cursor) after() cursor {
	c.commit(commit{position: c.plan.position, cut: c.plan.cut, manifest: [hashSize]byte{1}})
	return c
}

func (f *remote) carry(ctx context.Context) (carried, error) {
	cur := f.cursor()
	place, keys, err := f.behind(ctx, cur)
	if err != nil {
		return carried{}, err
	}
	out := carried{Lane: f.claim.Part(), Source: f.stream.source.ARN, Place: place.Token, Keys: keys.carry()}
	if next := cur.after(); len(next.marks) > 0 {
		out.Ahead = make(map[string]uint64, len(next.marks))
		for name, end := range next.marks {
			out.Ahead[hex.EncodeToString([]byte(name))] = end
		}
		out.AheadBy = &aheadBy{next.markedBy.number, next.markedBy.config}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out.Lost = f.within
	if cur.plan.gap { // of which nothing was to be delivered up to the place
		out.Lost = []lost{{max(cur.plan.first, f.place.Number), cur.plan.end}}
	}
	return out, nil
}

// behind is the place of the position that the open plan leads to, and the marks
// as of there.
func (f *remote) behind(ctx context.Context, cur cursor) (Place, keyMarks, error) {
	p := cur.plan
	if p.gap {
		_, keys, err := f.spool.at(cur.position)
		return Place{p.position, p.parts[0].key}, keys, err
	}
	if err := f.spool.await(ctx, p.end); err != nil {
		return Place{}, nil, err
	}
	place, keys, err := f.spool.at(p.position)
	if err != nil {
		return Place{}, nil, fmt.Errorf("read marks: %w", err)
	}
	return place, keys, nil
}

func (f *remote) commit(ctx context.Context, m commit) error {
	cur := f.cursor()
	told, err := f.stream.settingsAt(version{cur.plan.version, cur.plan.config})
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	next := cur
	next.commit(m)
	place, keys, err := f.behind(ctx, cur)
	if err != nil {
		return err
	}
	if err := f.moveTo(ctx, next, place, told.config.bucket()); err != nil {
		return err
	}
	return f.release(place, keys)
}

// moveTo has the source keep where the lane stands, and stands there.
func (f *remote) moveTo(ctx context.Context, next cursor, place Place, bucket string) error {
	n := note{position: next.position, cuts: next.cuts, manifest: next.manifest, bucket: bucket}
	text, err := n.text()
	if err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	if err := f.keep(ctx, Committed{true, place, text}); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cur, f.place, f.bucket, f.within, f.unsure = next, place, bucket, nil, nil
	if f.ahead != nil && next.position >= f.ahead.First.Number {
		f.ahead = nil
	}
	return nil
}

// release lets go of what is done. Where the scratch cannot be read for that, it
// is filled again from there.
func (f *remote) release(place Place, keys keyMarks) error {
	if err := f.spool.advance(place, keys); err != nil {
		f.room.cfg.Logger.Warn("scratch is read again", "stream", f.stream.Name, "part", f.claim.Part(), "error", err)
		f.spool.refill(place, keys)
	}
	return nil
}

// discard: what waits stays in the source, for whoever reads it next.
func (f *remote) discard(context.Context) error { return nil }
