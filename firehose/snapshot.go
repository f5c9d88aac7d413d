package firehose

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// A snapshot is its version and a run of lanes, by route:
//
//	+----------+---------+   +------------------------------------------------+
//	| 2^64 - 1 | version |   | route, position, cuts, delivered, discarded,   |
//	|          | 2       |   | bytes, objects, object bytes, skipped,         |
//	+----------+---------+   | quarantined, dropped: u64 each                 |
//	                         +------------------------------------------------+
//	+----------+----------+------------+-----------+
//	| manifest | plan u32 | plan, as   | marks u32 |
//	|          |          | in a frame |           |
//	+----------+----------+------------+-----------+
//
// and, where there are marks:
//
//	+-------------+------------+--------+   +---------------+---------------+
//	| number u32  | config u32 | config |   | name: u16 and | done up to,   |
//	| of settings |            | JSON   |   | text          | u64           |  each
//	+-------------+------------+--------+   +---------------+---------------+
//
// Version 1 has no head (its first word is a route, which is never 2^64 - 1), no
// quarantined, no dropped and no marks.
const (
	snapshotHead    = math.MaxUint64
	snapshotVersion = 2
	laneWords       = 11
	laneWordsV1     = 9
)

// AppendSnapshot implements wal.Folder.
func (s *State) AppendSnapshot(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = le.AppendUint64(le.AppendUint64(dst, snapshotHead), snapshotVersion)
	for _, route := range slices.Sorted(maps.Keys(s.lanes)) {
		dst = s.lanes[route].append(dst, route)
	}
	return dst
}

func (c *cursor) append(dst []byte, route uint64) []byte {
	for _, v := range []uint64{
		route, c.position, c.cuts, uint64(c.delivered), uint64(c.discarded), uint64(c.bytes),
		uint64(c.objects), uint64(c.objectBytes), uint64(c.skipped), uint64(c.quarantined), uint64(c.dropped),
	} {
		dst = le.AppendUint64(dst, v)
	}
	dst = append(dst, c.manifest[:]...)
	at := len(dst)
	dst = le.AppendUint32(dst, 0)
	if c.plan != nil {
		dst = c.plan.append(dst)
		le.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	dst = le.AppendUint32(dst, uint32(len(c.marks)))
	if len(c.marks) == 0 {
		return dst
	}
	dst = le.AppendUint32(dst, c.markedBy.number)
	dst = append(le.AppendUint32(dst, uint32(len(c.markedBy.config))), c.markedBy.config...)
	for _, name := range slices.Sorted(maps.Keys(c.marks)) {
		dst = le.AppendUint64(appendText(dst, name), c.marks[name])
	}
	return dst
}

// Restore implements wal.Folder.
func (s *State) Restore(src []byte) error {
	words := laneWordsV1
	if len(src) >= 16 && le.Uint64(src) == snapshotHead {
		if le.Uint64(src[8:]) != snapshotVersion {
			return fmt.Errorf("restore delivery streams: %w", errFrame)
		}
		words, src = laneWords, src[16:]
	}
	lanes := map[uint64]*cursor{}
	for len(src) > 0 {
		c := &cursor{}
		route, rest, err := c.restore(src, words)
		if err != nil {
			return fmt.Errorf("restore delivery streams: %w", err)
		}
		lanes[route], src = c, rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes = lanes
	return nil
}

func (c *cursor) restore(src []byte, words int) (route uint64, rest []byte, err error) {
	if len(src) < 8*words+hashSize+4 {
		return 0, nil, errFrame
	}
	word := func(i int) int64 { return int64(le.Uint64(src[8*i:])) }
	*c = cursor{
		position: uint64(word(1)), cuts: uint64(word(2)), delivered: word(3), discarded: word(4),
		bytes: word(5), objects: word(6), objectBytes: word(7), skipped: word(8),
	}
	if words == laneWords {
		c.quarantined, c.dropped = word(9), word(10)
	}
	route = uint64(word(0))
	copy(c.manifest[:], src[8*words:])
	planned, rest, ok := cutBlob(src[8*words+hashSize:])
	if !ok {
		return 0, nil, errFrame
	}
	if len(planned) > 0 {
		if c.plan, err = openPlan(planned); err != nil {
			return 0, nil, err
		}
	}
	if words == laneWords {
		if rest, ok = c.restoreMarks(rest); !ok {
			return 0, nil, errFrame
		}
	}
	return route, rest, nil
}

func (c *cursor) restoreMarks(src []byte) (rest []byte, ok bool) {
	if len(src) < 4 {
		return nil, false
	}
	n := uint64(le.Uint32(src))
	if src = src[4:]; n == 0 {
		return src, true
	}
	if len(src) < 4 {
		return nil, false
	}
	by := &version{number: le.Uint32(src)}
	config, src, ok := cutBlob(src[4:])
	if !ok || n > uint64(len(src))/10 {
		return nil, false
	}
	by.config = append([]byte(nil), config...)
	c.marks, c.markedBy = make(map[string]uint64, n), by
	for range n {
		var name string
		if name, src, ok = cutText(src); !ok || len(src) < 8 {
			return nil, false
		}
		c.marks[name], src = le.Uint64(src), src[8:]
	}
	return src, true
}

// cutBlob takes bytes with their length, u32, off the start of b.
func cutBlob(b []byte) (blob, rest []byte, ok bool) {
	if len(b) < 4 || uint64(len(b)-4) < uint64(le.Uint32(b)) {
		return nil, nil, false
	}
	n := 4 + int(le.Uint32(b))
	return b[4:n], b[n:], true
}
