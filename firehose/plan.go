package firehose

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/internal/event"
)

var (
	le = binary.LittleEndian
	// errFrame says that the payload of a Plan or Commit frame, or a snapshot,
	// does not decode. The log's checksum covers them: another version wrote it.
	errFrame = errors.New("frame of another version")
)

const (
	planVersion = 1
	planFixed   = 8 + 6*8
)

// plan is what a cut is going to put: everything that an attempt, after a crash
// perhaps, needs to make the same object again. The payload of a Plan frame:
//
//	 0     1      2    4              8         16        24      32
//	+-----+------+----+--------------+---------+---------+-------+
//	| ver | form | 0  | config       | cut     | first   | end   |
//	| 1   |      |    | version u32  | number  | position|       |
//	+-----+------+----+--------------+---------+---------+-------+
//	32      40      48             56
//	+-------+-------+--------------+----------------------------------------------+
//	| count | bytes | oldest       | codec, bucket, key, arn, chain:              |
//	|       |       | arrival (ms) | u16 length and text each                     |
//	+-------+-------+--------------+----------------------------------------------+
type plan struct {
	form    form
	version uint32 // of the delivery stream's configuration
	cut     uint64 // numbers the plans of a lane from 1
	first   uint64 // position
	end     uint64 // first position not covered
	count   int64  // what the index said; the object's own count is what is committed
	bytes   int64
	oldest  int64 // arrival, ms

	codec  string // CompressionFormat
	bucket string
	key    string
	arn    string // of the delivery stream
	chain  string // folder of its manifests under _sluice/commit/
}

func (p *plan) texts() []*string {
	return []*string{&p.codec, &p.bucket, &p.key, &p.arn, &p.chain}
}

func (p *plan) span(shard uint32) event.Range {
	return event.Range{Shard: shard, Start: p.first, End: p.end}
}

func (p *plan) append(dst []byte) []byte {
	dst = append(dst, planVersion, byte(p.form), 0, 0)
	dst = le.AppendUint32(dst, p.version)
	for _, v := range []uint64{p.cut, p.first, p.end, uint64(p.count), uint64(p.bytes), uint64(p.oldest)} {
		dst = le.AppendUint64(dst, v)
	}
	for _, s := range p.texts() {
		dst = le.AppendUint16(dst, uint16(len(*s)))
		dst = append(dst, *s...)
	}
	return dst
}

func openPlan(b []byte) (*plan, error) {
	if len(b) < planFixed || b[0] != planVersion || form(b[1]) > lastForm {
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	word := func(i int) uint64 { return le.Uint64(b[8+8*i:]) }
	p := &plan{
		form: form(b[1]), version: le.Uint32(b[4:]),
		cut: word(0), first: word(1), end: word(2),
		count: int64(word(3)), bytes: int64(word(4)), oldest: int64(word(5)),
	}
	rest := b[planFixed:]
	for _, s := range p.texts() {
		if len(rest) < 2 || len(rest)-2 < int(le.Uint16(rest)) {
			return nil, fmt.Errorf("open plan: %w", errFrame)
		}
		n := int(le.Uint16(rest))
		*s = string(rest[2 : 2+n])
		rest = rest[2+n:]
	}
	if len(rest) > 0 || p.cut == 0 || p.end < p.first {
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	return p, nil
}
