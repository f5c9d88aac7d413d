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
	planVersion = 2
	planFixed   = 8 + 4*8 + 4
	partFixed   = 6 * 8
	flagWhole   = 1
	flagGap     = 2
)

// plan is what a cut is going to put: everything that an attempt, after a crash
// perhaps, needs to make the same objects again. The payload of a Plan frame:
//
//	 0     1       2    4              8         16         24      32
//	+-----+-------+----+--------------+---------+----------+-------+------------+
//	| ver | flags | 0  | config       | cut     | first    | end   | position   |
//	| 2   |       |    | version u32  | number  | position |       | afterwards |
//	+-----+-------+----+--------------+---------+----------+-------+------------+
//	40
//	+-----------+------------------------------------------------+---------+
//	| parts u32 | arn, chain: u16 length and text each; the      | parts   |
//	|           | configuration as the catalog has it: u32, JSON |         |
//	+-----------+------------------------------------------------+---------+
//
// and a part:
//
//	+-------+-------+-------+------+---------+---------+----------------------+
//	| first | count | bytes | size | oldest  | instant | name, key: u16       |
//	|       |       |       |      | arrival |         | length and text each |
//	+-------+-------+-------+------+---------+---------+----------------------+
//
// A part covers what its partition holds in [part's first, end). Flag 1: the
// plan is whole, a part covers everything from its first to that of the next one
// or the end, and the position afterwards is the end. Flag 2: the plan is of
// positions that a source outside has lost; its one part has no object, and the
// token of the place behind them for a key. Frames of version 1 are
// whole plans without a configuration (plan_v1.go).
type plan struct {
	version  uint32 // of the delivery stream's configuration
	cut      uint64 // numbers the plans of a lane from 1
	first    uint64 // the lane's position
	end      uint64 // first position not covered
	position uint64 // of the lane, once this is delivered

	arn    string // of the delivery stream
	chain  string // folder of its manifests under _sluice/commit/
	config []byte // catalog.DeliveryStream.Config it was made by; nil in version 1
	whole  bool
	gap    bool
	parts  []part

	v1 *planV1 // what only frames of version 1 say
}

// part is one object of a plan, or none: what was dropped has no key.
type part struct {
	name    string // of its partition; empty in a whole plan
	key     string
	first   uint64
	count   int64 // what was accounted; what is found is what is committed
	bytes   int64
	size    int64
	oldest  int64 // arrival, ms
	instant int64 // what its key says, ms
}

// class of a part; that of a whole plan is data.
func (p *part) class() class {
	if p.name == "" {
		return classData
	}
	return class(p.name[0])
}

// rank orders the parts of a cut: what failed is put before what did not, so that
// whoever sees data objects can rely on the errors being there.
func (p *part) rank() int {
	if p.class() == classError {
		return 1
	}
	return 0
}

func (p *plan) span(shard uint32) event.Range {
	return event.Range{Shard: shard, Start: p.first, End: p.end}
}

// sums are what all parts count together.
func (p *plan) sums() (count, bytes, oldest int64) {
	for i := range p.parts {
		part := &p.parts[i]
		count, bytes = count+part.count, bytes+part.bytes
		if oldest == 0 || part.oldest < oldest {
			oldest = part.oldest
		}
	}
	return count, bytes, oldest
}

func (p *plan) append(dst []byte) []byte {
	if p.v1 != nil {
		return p.appendV1(dst)
	}
	flags := byte(0)
	if p.whole {
		flags = flagWhole
	}
	if p.gap {
		flags |= flagGap
	}
	dst = append(dst, planVersion, flags, 0, 0)
	dst = le.AppendUint32(dst, p.version)
	for _, v := range []uint64{p.cut, p.first, p.end, p.position} {
		dst = le.AppendUint64(dst, v)
	}
	dst = le.AppendUint32(dst, uint32(len(p.parts)))
	dst = appendText(appendText(dst, p.arn), p.chain)
	dst = append(le.AppendUint32(dst, uint32(len(p.config))), p.config...)
	for i := range p.parts {
		dst = p.parts[i].append(dst)
	}
	return dst
}

func (p *part) append(dst []byte) []byte {
	for _, v := range []uint64{p.first, uint64(p.count), uint64(p.bytes), uint64(p.size), uint64(p.oldest), uint64(p.instant)} {
		dst = le.AppendUint64(dst, v)
	}
	return appendText(appendText(dst, p.name), p.key)
}

func appendText(dst []byte, s string) []byte {
	return append(le.AppendUint16(dst, uint16(len(s))), s...)
}

// cutText takes a text off the start of b.
func cutText(b []byte) (text string, rest []byte, ok bool) {
	if len(b) < 2 || len(b)-2 < int(le.Uint16(b)) {
		return "", nil, false
	}
	n := int(le.Uint16(b))
	return string(b[2 : 2+n]), b[2+n:], true
}

func openPlan(b []byte) (*plan, error) {
	switch {
	case len(b) > 0 && b[0] == planVersion1:
		return openPlanV1(b)
	case len(b) < planFixed || b[0] != planVersion:
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	word := func(i int) uint64 { return le.Uint64(b[8+8*i:]) }
	p := &plan{
		whole: b[1]&flagWhole != 0, gap: b[1]&flagGap != 0, version: le.Uint32(b[4:]),
		cut: word(0), first: word(1), end: word(2), position: word(3),
	}
	n := uint64(le.Uint32(b[planFixed-4:]))
	rest, ok := p.openTexts(b[planFixed:])
	if !ok || n > uint64(len(rest))/(partFixed+4) {
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	p.parts = make([]part, n)
	for i := range p.parts {
		if rest, ok = p.parts[i].open(rest); !ok {
			return nil, fmt.Errorf("open plan: %w", errFrame)
		}
	}
	if len(rest) > 0 || !p.valid() {
		return nil, fmt.Errorf("open plan: %w", errFrame)
	}
	return p, nil
}

func (p *plan) valid() bool {
	if p.cut == 0 || p.end < p.first || p.position < p.first || p.position > p.end || len(p.parts) == 0 || len(p.config) == 0 {
		return false
	}
	at := p.first
	for i := range p.parts {
		part := &p.parts[i]
		if p.whole != (part.name == "") || part.first < p.first || part.first > p.end || p.whole && i > 0 && part.first <= at {
			return false
		}
		at = part.first
	}
	return !p.whole || p.position == p.end && p.parts[0].first == p.first
}

// endOf is the first position that a part does not cover. It may be a copy with
// another name: the errors of a part of a whole plan.
func (p *plan) endOf(of *part) uint64 {
	if p.whole {
		for i := range p.parts {
			if p.parts[i].first > of.first {
				return p.parts[i].first
			}
		}
	}
	return p.end
}

func (p *plan) openTexts(b []byte) (rest []byte, ok bool) {
	if p.arn, b, ok = cutText(b); !ok {
		return nil, false
	}
	if p.chain, b, ok = cutText(b); !ok {
		return nil, false
	}
	if len(b) < 4 || uint64(len(b)-4) < uint64(le.Uint32(b)) {
		return nil, false
	}
	n := 4 + int(le.Uint32(b))
	p.config = append([]byte(nil), b[4:n]...)
	return b[n:], true
}

func (p *part) open(b []byte) (rest []byte, ok bool) {
	if len(b) < partFixed {
		return nil, false
	}
	word := func(i int) int64 { return int64(le.Uint64(b[8*i:])) }
	*p = part{
		first: uint64(word(0)), count: word(1), bytes: word(2), size: word(3), oldest: word(4), instant: word(5),
	}
	if p.name, b, ok = cutText(b[partFixed:]); !ok {
		return nil, false
	}
	p.key, b, ok = cutText(b)
	return b, ok
}
