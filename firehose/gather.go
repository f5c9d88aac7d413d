package firehose

import (
	"context"

	"sluice/internal/event"
	"sluice/internal/format"
)

// straightMost is how many large parts are encoded during one pass over the log,
// each straight into its codec.
const straightMost = 4

// parts makes the objects of a partitioned plan, in passes over its range. A
// pass gathers the records of as many small parts as fit Config.GatherBytes, and
// encodes a few large ones on the way; then the small ones get encoders, several
// at once, and all are put. So memory follows from what is gathered, not from the
// number of partitions.
func (l *lane) parts(ctx context.Context, a *attempt) error {
	if err := l.room.gathers.acquire(ctx); err != nil {
		return err
	}
	defer l.room.gathers.release()
	for {
		pieces := a.next(l.room.cfg.GatherBytes)
		if len(pieces) == 0 {
			return nil
		}
		err := l.room.encode(ctx, true, func() error { return l.gather(ctx, a, pieces) })
		if err == nil {
			err = l.each(ctx, len(pieces), func(ctx context.Context, i int) error { return l.make(ctx, a, pieces[i]) })
		}
		for _, pc := range pieces {
			pc.discard()
		}
		if err != nil {
			return err
		}
	}
}

// piece is one part in the making.
type piece struct {
	index int
	part  *part
	shape shape

	straight body // of a large part; nil: it is gathered
	flat     []byte
	flatRuns int // records in flat
	held     holding

	records, bytes int64
	object         format.Object
	closed         bool
}

// next are the parts that one pass makes: errors before what did not fail.
func (a *attempt) next(budget int64) (pieces []*piece) {
	var gathered int64
	straight := 0
	for i := range a.plan.parts {
		p := &a.plan.parts[i]
		if a.done[i] != nil {
			continue
		}
		pc := &piece{index: i, part: p}
		if p.class() != classDropped {
			pc.shape = a.told.shape(p.class())
		}
		weight := p.size + p.count // and line feeds
		switch {
		case len(pieces) > 0 && pieces[0].part.rank() != p.rank():
			return pieces
		case weight >= budget/4:
			if straight == straightMost {
				return pieces
			}
			straight++
			pc.straight = pc.shape.open()
		case gathered > 0 && gathered+weight > budget:
			return pieces
		default:
			gathered += weight
		}
		pieces = append(pieces, pc)
	}
	return pieces
}

// gather reads the range of the pieces once.
func (l *lane) gather(ctx context.Context, a *attempt, pieces []*piece) error {
	wanted := make(map[string]*piece, len(pieces))
	start := a.plan.end
	for _, pc := range pieces {
		wanted[pc.part.name] = pc
		start = min(start, pc.part.first)
	}
	split := a.told.newSplitter()
	defer split.release()
	flats := map[class]flatBody{} // by class, to lay out records with
	defer func() {
		for _, f := range flats {
			if f != nil {
				f.discard()
			}
		}
	}()
	at := uint64(0)
	visit := func(u *unit) {
		pc := wanted[string(u.partition)]
		if pc == nil || at < pc.part.first {
			return
		}
		k := pc.part.class()
		f, known := flats[k]
		if !known && pc.straight == nil && k != classDropped {
			b := pc.shape.open()
			if f, _ = b.(flatBody); f == nil {
				b.discard() // it keeps its records as they come
			}
			flats[k] = f
		}
		pc.add(u, f)
	}
	return l.feed.parcels(ctx, start, a.plan.end, func(p event.Parcel) error {
		at = p.Position.Number
		split.split(&p, visit)
		return nil
	})
}

// add takes a unit of the piece's partition. f lays out records, where the format
// is flat.
func (pc *piece) add(u *unit, f flatBody) {
	pc.records += u.count
	pc.bytes += u.bytes
	var n int
	switch {
	case pc.part.class() == classDropped:
	case pc.part.class() == classError && pc.straight == nil:
		pc.flat = u.appendError(pc.room(0))
		pc.flatRuns++
	case pc.part.class() == classError:
		pc.flat = u.appendError(pc.flat[:0])
		pc.straight.record(u.arrived, pc.flat)
	case pc.straight != nil && u.delivery.Batch.Len() > 0:
		pc.straight.delivery(u.delivery)
	case pc.straight != nil:
		pc.straight.record(u.arrived, u.record)
	case f != nil && u.delivery.Batch.Len() > 0:
		pc.flat, n = f.appendDelivery(pc.room(u.size), u.delivery)
		pc.flatRuns += n
	case f != nil:
		pc.flat, n = f.appendRecord(pc.room(u.size), u.arrived, u.record)
		pc.flatRuns += n
	default:
		pc.held.add(u)
	}
}

// room is what was gathered, with what the part was accounted to need beyond it.
func (pc *piece) room(more int64) []byte {
	if pc.flat == nil {
		pc.flat = make([]byte, 0, max(more, pc.part.size)+pc.part.count)
	}
	return pc.flat
}

// encode ends the body of a piece.
func (pc *piece) encode() (err error) {
	if pc.part.class() == classDropped {
		pc.closed = true
		return nil
	}
	b := pc.straight
	if b == nil {
		b = pc.shape.open()
		defer b.discard()
		if pc.flatRuns > 0 {
			b.(flatBody).run(pc.flat, pc.flatRuns)
		}
		if err := pc.held.replay(b); err != nil {
			return err
		}
	}
	pc.object, err = b.close()
	pc.flat, pc.held = nil, holding{}
	pc.closed = err == nil
	return err
}

func (pc *piece) discard() {
	if pc.straight != nil {
		pc.straight.discard()
	}
	if pc.closed && pc.object.Body != nil {
		pc.object.Release()
	}
}

// longBytes take a millisecond to encode.
const longBytes = 256 << 10

// make encodes and puts one piece.
func (l *lane) make(ctx context.Context, a *attempt, pc *piece) error {
	if err := l.room.uploads.acquire(ctx); err != nil {
		return err
	}
	defer l.room.uploads.release()
	if err := l.room.encode(ctx, pc.bytes >= longBytes, pc.encode); err != nil {
		return err
	}
	r := &result{}
	r.add(pc.part.class(), pc.records, pc.bytes)
	if pc.object.Count > 0 {
		m, err := l.put(ctx, a, pc.part, pc.object)
		if err != nil {
			return err
		}
		r.objects = []manifestObject{m}
	}
	if pc.object.Body != nil {
		pc.object.Release()
	}
	a.done[pc.index] = r // its own place: no other worker has it
	return nil
}
