package kinesis

import (
	"context"
	"crypto/md5"
	"errors"
	"slices"

	"sluice/internal/catalog"
	"sluice/stream/embedded"
)

// ErrNotFound says that there is no stream of a name.
var ErrNotFound = errors.New("no such stream")

// incoming is a record on its way to its shard.
type incoming struct {
	index  int // in the request
	log    uint32
	record embedded.Record
}

// hashOf is what chooses the shard of a record: the explicit hash, or the MD5 of the
// key.
func hashOf(r *embedded.Record) hashKey {
	if r.Explicit {
		return hashKey(r.Hash)
	}
	return hashKey(md5.Sum(r.Key))
}

// byShard puts the records of one shard of the log, and in it those of one Kinesis
// shard, next to each other; otherwise their order stays.
func byShard(in []incoming) {
	slices.SortStableFunc(in, func(a, b incoming) int {
		if a.log != b.log {
			return int(a.log) - int(b.log)
		}
		return int(a.record.Shard) - int(b.record.Shard)
	})
}

// frame is the records that go into one frame.
type frame struct {
	log     uint32
	records []incoming
}

// frames cuts records that are in the order of byShard.
func frames(in []incoming) (out []frame) {
	for len(in) > 0 {
		n := 1
		for n < len(in) && in[n].log == in[0].log {
			n++
		}
		out = append(out, frame{in[0].log, in[:n]})
		in = in[n:]
	}
	return out
}

// append makes a frame durable and visits where each of its records is.
func (r *Room) append(ctx context.Context, s *Stream, f frame, from *embedded.Origin, mark embedded.Mark, at func(in *incoming, p place)) error {
	records := make([]embedded.Record, len(f.records))
	for i := range f.records {
		records[i] = f.records[i].record
	}
	position, err := r.cfg.Streams.AppendRecords(ctx, s.UID, f.log, r.now(), from, mark, records)
	if err != nil {
		return err
	}
	p := place{position: position}
	for i := range f.records {
		if i > 0 && f.records[i].record.Shard != f.records[i-1].record.Shard {
			p.number = 0
		}
		if at != nil {
			at(&f.records[i], p)
		}
		p.number++
	}
	if r.cfg.Published != nil {
		r.cfg.Published(s.UID)
	}
	return nil
}

// Made is a record that somebody in this process makes of the log: by its number and
// part he recognises it when he makes it again.
type Made struct {
	Number uint64
	Part   uint32
	Key    string
	Data   []byte
}

// Take puts records of an origin into a stream, each once however often it is
// offered. They come in the order of their numbers and parts. An error leaves open
// which are in: offer them again.
func (r *Room) Take(ctx context.Context, scope catalog.Scope, name string, from embedded.Origin, made []Made) error {
	s, ok := r.cfg.Definitions.Get(scope, name)
	if !ok {
		return ErrNotFound
	}
	in := make([]incoming, 0, len(made))
	for i := range made {
		m := &made[i]
		record := embedded.Record{Key: []byte(m.Key), Data: m.Data}
		record.Shard = s.of(hashOf(&record)).Number
		in = append(in, incoming{i, s.logShard(record.Shard), record})
	}
	for log := range uint32(r.cfg.Streams.Shards()) {
		if err := r.take(ctx, &s, log, from, made, in); err != nil {
			return err
		}
	}
	return nil
}

// takeBytes bounds a frame of records that are taken over.
const takeBytes = 4 << 20

// take puts what is for one shard of the log into it, a frame at a time.
func (r *Room) take(ctx context.Context, s *Stream, log uint32, from embedded.Origin, made []Made, in []incoming) error {
	there, err := r.cfg.Streams.Marked(s.UID, log, from)
	if err != nil {
		return err
	}
	for len(in) > 0 {
		var f frame
		var mark embedded.Mark
		n, size := 0, 0
		for ; n < len(in) && size < takeBytes; n++ {
			m := &made[in[n].index]
			if in[n].log == log && !there.Covers(m.Number, m.Part) {
				f.records = append(f.records, in[n])
				mark = embedded.Mark{Number: m.Number, Part: m.Part}
				size += len(m.Data)
			}
		}
		in = in[n:]
		if len(f.records) == 0 {
			continue
		}
		f.log = log
		byShard(f.records)
		if err := r.append(ctx, s, f, &from, mark, nil); err != nil {
			return err
		}
	}
	return nil
}
