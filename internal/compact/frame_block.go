package compact

import "sluice/internal/wal"

// frameBlock collects frames of the log until they are written as one block.
type frameBlock struct {
	frames   []wal.Frame // without payloads
	lengths  []int
	payloads []byte
	places   []byte
}

func (b *frameBlock) reset() {
	b.frames, b.lengths = b.frames[:0], b.lengths[:0]
	b.payloads, b.places = b.payloads[:0], b.places[:0]
}

func (b *frameBlock) add(f wal.Frame) {
	b.lengths = append(b.lengths, len(f.Payload))
	b.payloads = append(b.payloads, f.Payload...)
	f.Payload = nil
	b.frames = append(b.frames, f)
}

// finish makes header and columns of the block. They share its memory.
func (b *frameBlock) finish() (h header, raw [columns][]byte) {
	h = header{kind: kindFrames, first: b.frames[0].Seq, last: b.frames[len(b.frames)-1].Seq, rows: uint32(len(b.frames))}
	seq, p := h.first, b.places
	for _, f := range b.frames {
		p = appendUvarint(p, f.Seq-seq)
		seq = f.Seq
	}
	for _, f := range b.frames {
		p = append(p, byte(f.Type))
	}
	for _, f := range b.frames {
		p = appendUvarint(p, f.Key)
	}
	for _, n := range b.lengths {
		p = appendUvarint(p, uint64(n))
	}
	b.places = p
	raw[colPlaces], raw[colText] = p, b.payloads
	return h, raw
}

// decodedFrames is a block's frames; their payloads share one allocation.
type decodedFrames struct {
	frames []wal.Frame // ascending Seq
	size   int         // bytes, for the cache
}

const frameBytes = 64 // what a wal.Frame takes in memory

func assembleFrames(h *header, cols *[columns][]byte) (*decodedFrames, error) {
	if int64(h.rows) > int64(len(cols[colPlaces])) {
		return nil, errColumn
	}
	d := &decodedFrames{frames: make([]wal.Frame, h.rows), size: len(cols[colText]) + int(h.rows)*frameBytes}
	r, payloads := reader{rest: cols[colPlaces]}, reader{rest: cols[colText]}
	seq := h.first
	for i := range d.frames {
		seq += r.uvarint()
		d.frames[i].Seq = seq
	}
	for i := range d.frames {
		d.frames[i].Type = wal.Type(r.byte())
	}
	for i := range d.frames {
		d.frames[i].Key = r.uvarint()
	}
	for i := range d.frames {
		d.frames[i].Payload = payloads.bytes(int(min(r.uvarint(), maxRaw+1)))
	}
	if !r.done() || !payloads.done() {
		return nil, errColumn
	}
	return d, nil
}
