package embedded

import (
	"encoding/binary"
	"fmt"
	"iter"

	"sluice/internal/event"
)

// Record is one record of a Kinesis stream.
type Record struct {
	// Shard is the number of the Kinesis shard that its hash lies in.
	Shard uint32
	// Key is the partition key.
	Key []byte
	// Hash is the explicit hash key, Explicit whether there is one.
	Hash     Hash
	Explicit bool
	Data     []byte
}

// Hash is a place in the 128 bits that shards divide, the most significant byte
// first.
type Hash [16]byte

// Origin names who makes records of a log of its own, in order: a route and a
// shard of the log that it is read from.
type Origin struct {
	Route uint64
	Shard uint32
}

// Mark is how far an origin is taken over: the frame that its last record was
// made of, and the record's number among those.
type Mark struct {
	Number uint64
	Part   uint32
}

// Covers tells whether what is made of a frame as a part is taken over already.
// Frames are numbered from 1 on: the zero Mark covers nothing.
func (m Mark) Covers(number uint64, part uint32) bool {
	return number < m.Number || number == m.Number && part <= m.Part
}

const (
	recordsVersion = 1
	recordsMarked  = 1 // flag: an origin and its mark follow the head

	recordsHead = 1 + 1 + 2 + 4 + 8
	originSize  = 8 + 4 + 4 + 8
	runHead     = 4 * 4
	recordHead  = 4 + 2

	keyExplicit = 1 << 15 // bit of the key's length: a hash follows the key
	maxKeyBytes = keyExplicit - 1
)

// recordsSize is the size of everything in a frame but the records' data.
func recordsSize(records []Record, origin bool) int {
	n := recordsHead
	if origin {
		n += originSize
	}
	for i := range records {
		if i == 0 || records[i].Shard != records[i-1].Shard {
			n += runHead
		}
		n += recordHead + len(records[i].Key)
		if records[i].Explicit {
			n += len(Hash{})
		}
	}
	return n
}

// appendRecords lays a frame out as parts: dst, of which the capacity is
// recordsSize, takes everything but the data, which stays where it is. Records of
// one shard stand together.
func appendRecords(parts [][]byte, dst []byte, arrived int64, from *Origin, mark Mark, records []Record) [][]byte {
	flags, runs := byte(0), 0
	for i := range records {
		if i == 0 || records[i].Shard != records[i-1].Shard {
			runs++
		}
	}
	if from != nil {
		flags = recordsMarked
	}
	dst = append(dst, recordsVersion, flags, byte(runs), byte(runs>>8), 0, 0, 0, 0)
	dst = le.AppendUint64(dst, uint64(arrived))
	if from != nil {
		dst = le.AppendUint64(dst, from.Route)
		dst = le.AppendUint32(dst, from.Shard)
		dst = le.AppendUint32(dst, mark.Part)
		dst = le.AppendUint64(dst, mark.Number)
	}
	for i := 0; i < len(records); {
		n, size, data := run(records[i:])
		for _, v := range [...]uint32{records[i].Shard, uint32(n), uint32(size), uint32(data)} {
			dst = le.AppendUint32(dst, v)
		}
		i += n
	}
	begun := 0
	for i := range records {
		r := &records[i]
		length := uint16(len(r.Key))
		if r.Explicit {
			length |= keyExplicit
		}
		dst = le.AppendUint32(dst, uint32(len(r.Data)))
		dst = le.AppendUint16(dst, length)
		dst = append(dst, r.Key...)
		if r.Explicit {
			dst = append(dst, r.Hash[:]...)
		}
		parts = append(parts, dst[begun:], r.Data)
		begun = len(dst)
	}
	if len(records) == 0 {
		parts = append(parts, dst)
	}
	return parts
}

// run measures the records at the start that are of one shard: size is that of
// their entries, data that of their data.
func run(records []Record) (n, size, data int) {
	for i := range records {
		r := &records[i]
		if r.Shard != records[0].Shard {
			break
		}
		n++
		data += len(r.Data)
		size += recordHead + len(r.Key) + len(r.Data)
		if r.Explicit {
			size += len(Hash{})
		}
	}
	return n, size, data
}

// Records is the decoded form of a Records frame, views into its payload.
type Records struct {
	// Arrived is when the frame reached the stream, ms of the event clock.
	Arrived int64

	origin Origin
	mark   Mark
	marked bool
	runs   []byte
	body   []byte
}

// OpenRecords checks every bound of a payload.
func OpenRecords(payload []byte) (Records, error) {
	r, err := openRecordsHead(payload)
	if err != nil {
		return Records{}, err
	}
	body := r.body
	for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
		count, size := le.Uint32(runs[4:]), int(le.Uint32(runs[8:])) // the head has checked that size fits
		entries, data := body[:size], uint64(0)
		for range count {
			n := recordBytes(entries)
			if n == 0 {
				return Records{}, fmt.Errorf("%w: records end in the middle of one", event.ErrCorrupt)
			}
			data += uint64(le.Uint32(entries))
			entries = entries[n:]
		}
		if len(entries) > 0 || data != uint64(le.Uint32(runs[12:])) {
			return Records{}, fmt.Errorf("%w: the records of a shard are not as long as it says", event.ErrCorrupt)
		}
		body = body[size:]
	}
	return r, nil
}

// openRecordsHead is OpenRecords for those who look at sums alone: it checks the
// head and that the runs fill the payload.
func openRecordsHead(payload []byte) (r Records, err error) {
	if len(payload) < recordsHead || payload[0] != recordsVersion {
		return r, fmt.Errorf("%w: records frame of %d bytes", event.ErrCorrupt, len(payload))
	}
	runs := int(binary.LittleEndian.Uint16(payload[2:])) * runHead
	r.Arrived = int64(le.Uint64(payload[8:]))
	rest := payload[recordsHead:]
	if payload[1]&recordsMarked != 0 {
		if len(rest) < originSize {
			return r, fmt.Errorf("%w: records frame of %d bytes", event.ErrCorrupt, len(payload))
		}
		r.marked = true
		r.origin = Origin{le.Uint64(rest), le.Uint32(rest[8:])}
		r.mark = Mark{Number: le.Uint64(rest[16:]), Part: le.Uint32(rest[12:])}
		rest = rest[originSize:]
	}
	if len(rest) < runs {
		return r, fmt.Errorf("%w: records frame of %d bytes", event.ErrCorrupt, len(payload))
	}
	r.runs, r.body = rest[:runs], rest[runs:]
	sum := uint64(0)
	for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
		sum += uint64(le.Uint32(runs[8:]))
	}
	if sum != uint64(len(r.body)) {
		return r, fmt.Errorf("%w: records of %d bytes say %d", event.ErrCorrupt, len(r.body), sum)
	}
	return r, nil
}

// recordBytes is the size of the first entry, 0 when it is cut short.
func recordBytes(b []byte) int {
	if len(b) < recordHead {
		return 0
	}
	n := uint64(recordHead) + uint64(le.Uint32(b))
	key := le.Uint16(b[4:])
	n += uint64(key &^ keyExplicit)
	if key&keyExplicit != 0 {
		n += uint64(len(Hash{}))
	}
	if n > uint64(len(b)) {
		return 0
	}
	return int(n)
}

// count and bytes are those of all shards; bytes are those of the data.
func (r Records) count() (n int64) {
	for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
		n += int64(le.Uint32(runs[4:]))
	}
	return n
}

func (r Records) bytes() (n int64) {
	for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
		n += int64(le.Uint32(runs[12:]))
	}
	return n
}

// shards is a bit for each shard that has records, by its number modulo 64.
func (r Records) shards() (bits uint64) {
	for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
		bits |= ShardBit(le.Uint32(runs))
	}
	return bits
}

// ShardBit is the bit that stands for a shard in the index.
func ShardBit(shard uint32) uint64 { return 1 << (shard % 64) }

// All yields the records of all shards, views into the payload.
func (r Records) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		body := r.body
		for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
			size := le.Uint32(runs[8:])
			if !yieldRun(le.Uint32(runs), body[:size], yield) {
				return
			}
			body = body[size:]
		}
	}
}

// Of returns the number of records of a shard, and the entries that Next reads.
//
// hot: BenchmarkRecords
func (r Records) Of(shard uint32) (n int, entries Entries) {
	body := r.body
	for runs := r.runs; len(runs) > 0; runs = runs[runHead:] {
		size := le.Uint32(runs[8:])
		if le.Uint32(runs) == shard {
			return int(le.Uint32(runs[4:])), Entries{shard: shard, bytes: body[:size]}
		}
		body = body[size:]
	}
	return 0, Entries{}
}

// Entries are the records of one shard in one frame that were not read yet.
type Entries struct {
	shard uint32
	bytes []byte
}

// Next takes the first record out, a view into the payload; false at the end.
//
// hot: BenchmarkRecords
func (e *Entries) Next() (r Record, ok bool) {
	if len(e.bytes) == 0 {
		return Record{}, false
	}
	b := e.bytes
	data, key := int(le.Uint32(b)), le.Uint16(b[4:])
	at := recordHead + int(key&^keyExplicit)
	r.Shard, r.Key = e.shard, b[recordHead:at:at]
	if key&keyExplicit != 0 {
		r.Explicit = true
		at += copy(r.Hash[:], b[at:])
	}
	r.Data = b[at : at+data : at+data]
	e.bytes = b[at+data:]
	return r, true
}

func yieldRun(shard uint32, b []byte, yield func(Record) bool) bool {
	entries := Entries{shard, b}
	for r, ok := entries.Next(); ok; r, ok = entries.Next() {
		if !yield(r) {
			return false
		}
	}
	return true
}
