package event

import (
	"fmt"

	"sluice/internal/crc32c"
)

// Fields are a record's header as it is stored, without what follows from the
// parts themselves (magic, sizes, checksum).
type Fields struct {
	Flags, Hops, Reserved uint8
	Base, Ingested        int64
	Request               uint64
	GroupUID, StreamUID   uint64
	OriginShard           uint32
	OriginNumber          uint64
	FirstIndex            uint32
}

// Parts are the variable parts of a record, in their order there. They are
// views: of a sealed batch to read, of a record under Assemble to fill.
type Parts struct {
	Text    []byte
	Ends    []byte // count x u32
	Deltas  []byte // count x u32
	Indexes []byte // count x u16, empty unless Fields.Indexed
	Source  []byte // 4 x u16 length, then the names
}

// Indexed tells whether the record carries its events' indexes.
func (f Fields) Indexed() bool { return f.Flags&flagIndexes != 0 }

// Fields takes the header apart.
func (b Batch) Fields() Fields {
	return Fields{
		Flags: b.rec[offFlags], Hops: b.rec[offHops], Reserved: b.rec[offHops+1],
		Base: b.Base(), Ingested: b.Ingested(), Request: b.Request(),
		GroupUID: b.GroupUID(), StreamUID: b.StreamUID(),
		OriginShard: le.Uint32(b.rec[offShard:]), OriginNumber: le.Uint64(b.rec[offNumber:]),
		FirstIndex: le.Uint32(b.rec[offFirst:]),
	}
}

// Parts returns the parts of the record.
func (b Batch) Parts() Parts {
	return Parts{Text: b.text, Ends: b.ends, Deltas: b.deltas, Indexes: b.indexes, Source: b.source}
}

// Sizes are the lengths that a record is laid out by.
type Sizes struct{ Text, Count, Source int }

// RecordSize is the length of the record that Assemble needs.
func (f Fields) RecordSize(s Sizes) int {
	n := headerSize + s.Text + 8*s.Count + s.Source + crcSize
	if f.Indexed() {
		n += 2 * s.Count
	}
	return n
}

// Assemble writes the header into rec, whose length must be RecordSize's, and
// returns the parts for the caller to fill; Reseal closes the record.
func (f Fields) Assemble(rec []byte, s Sizes) (Parts, error) {
	if len(rec) != f.RecordSize(s) {
		return Parts{}, fmt.Errorf("%w: a record of %d bytes, %d needed", ErrCorrupt, len(rec), f.RecordSize(s))
	}
	copy(rec, magic)
	rec[offVersion], rec[offFlags], rec[offHops], rec[offHops+1] = version, f.Flags, f.Hops, f.Reserved
	le.PutUint32(rec[offRecord:], uint32(len(rec)))
	le.PutUint32(rec[offText:], uint32(s.Text))
	le.PutUint32(rec[offCount:], uint32(s.Count))
	le.PutUint32(rec[offSource:], uint32(s.Source))
	le.PutUint64(rec[offBase:], uint64(f.Base))
	le.PutUint64(rec[offIngested:], uint64(f.Ingested))
	le.PutUint64(rec[offRequest:], f.Request)
	le.PutUint64(rec[offGroup:], f.GroupUID)
	le.PutUint64(rec[offStream:], f.StreamUID)
	le.PutUint32(rec[offShard:], f.OriginShard)
	le.PutUint32(rec[offFirst:], f.FirstIndex)
	le.PutUint64(rec[offNumber:], f.OriginNumber)
	b, err := layout(rec)
	return b.Parts(), err
}

// Reseal checks the parts of an assembled record, writes its checksum and
// returns its view.
func Reseal(rec []byte) (Batch, error) {
	b, err := layout(rec)
	if err != nil {
		return Batch{}, err
	}
	if err := b.checkEnds(); err != nil {
		return Batch{}, err
	}
	if err := b.checkSource(); err != nil {
		return Batch{}, err
	}
	body := len(b.rec) - crcSize
	le.PutUint32(b.rec[body:], crc32c.Sum(b.rec[:body]))
	return b, nil
}
