package firehose

import "fmt"

const (
	planVersion1 = 1
	planFixedV1  = 8 + 6*8
)

// planV1 is what a plan of version 1 says itself, where a later one has the
// configuration. Nobody makes such plans any more; one that the last version left
// open is delivered as it was planned:
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
type planV1 struct {
	form   form
	codec  string // CompressionFormat
	bucket string
}

func (p *plan) textsV1() []*string {
	return []*string{&p.v1.codec, &p.v1.bucket, &p.parts[0].key, &p.arn, &p.chain}
}

func (p *plan) appendV1(dst []byte) []byte {
	dst = append(dst, planVersion1, byte(p.v1.form), 0, 0)
	dst = le.AppendUint32(dst, p.version)
	part := &p.parts[0]
	for _, v := range []uint64{p.cut, p.first, p.end, uint64(part.count), uint64(part.bytes), uint64(part.oldest)} {
		dst = le.AppendUint64(dst, v)
	}
	for _, s := range p.textsV1() {
		dst = appendText(dst, *s)
	}
	return dst
}

func openPlanV1(b []byte) (*plan, error) {
	if len(b) < planFixedV1 || form(b[1]) > lastForm {
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	word := func(i int) uint64 { return le.Uint64(b[8+8*i:]) }
	p := &plan{
		version: le.Uint32(b[4:]), cut: word(0), first: word(1), end: word(2), position: word(2), whole: true,
		parts: []part{{
			first: word(1), count: int64(word(3)), bytes: int64(word(4)), size: int64(word(4)),
			oldest: int64(word(5)), instant: int64(word(5)),
		}},
		v1: &planV1{form: form(b[1])},
	}
	rest, ok := b[planFixedV1:], true
	for _, s := range p.textsV1() {
		if *s, rest, ok = cutText(rest); !ok {
			return nil, fmt.Errorf("open plan: %w", errFrame)
		}
	}
	if len(rest) > 0 || p.cut == 0 || p.end < p.first {
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	return p, nil
}
