package firehose

import "fmt"

const (
	commitVersion  = 2
	commitVersion1 = 1
	commitSize1    = 4*8 + 8 + 3*8 + hashSize
	commitSize     = commitSize1 + 2*8
	hashSize       = 32 // sha256
)

// commit says that a cut is done, and everything of a lane below a position. The
// payload of a Commit frame, whose first 32 bytes every reader of the log knows:
//
//	 0          8           16          24           32     33   40
//	+----------+-----------+-----------+------------+------+----+--------+
//	| first    | events and| discarded | bytes      | ver  | 0  | cut    |
//	| position | records   |           | delivered, | 2    |    | number |
//	| not done | delivered |           | not coded  |      |    |        |
//	+----------+-----------+-----------+------------+------+----+--------+
//	48        56             64                         96            104
//	+---------+--------------+--------------------------+-------------+---------+
//	| objects | object bytes | sha256 of the manifest   | quarantined | dropped |
//	+---------+--------------+--------------------------+-------------+---------+
//
// Quarantined went to objects under ErrorOutputPrefix and dropped was rightly
// nothing to deliver; both are part of delivered, for they are done. What a cut
// delivered beyond the position is known from its plan. Version 1 has neither
// number.
//
// A commit that discards (the delivery stream was deleted) has no manifest: its
// hash is zero, and its cut number is that of the plan it gives up, or zero.
type commit struct {
	position             uint64
	delivered, discarded int64
	bytes                int64
	cut                  uint64
	objects, objectBytes int64
	manifest             [hashSize]byte
	quarantined, dropped int64
}

func (c *commit) append(dst []byte) []byte {
	for _, v := range []uint64{c.position, uint64(c.delivered), uint64(c.discarded), uint64(c.bytes)} {
		dst = le.AppendUint64(dst, v)
	}
	dst = append(dst, commitVersion, 0, 0, 0, 0, 0, 0, 0)
	for _, v := range []uint64{c.cut, uint64(c.objects), uint64(c.objectBytes)} {
		dst = le.AppendUint64(dst, v)
	}
	dst = append(dst, c.manifest[:]...)
	return le.AppendUint64(le.AppendUint64(dst, uint64(c.quarantined)), uint64(c.dropped))
}

func openCommit(b []byte) (commit, error) {
	first := len(b) == commitSize1 && b[32] == commitVersion1
	if !first && (len(b) != commitSize || b[32] != commitVersion) {
		return commit{}, fmt.Errorf("open commit: %w", errFrame)
	}
	word := func(at int) int64 { return int64(le.Uint64(b[at:])) }
	c := commit{
		position: uint64(word(0)), delivered: word(8), discarded: word(16), bytes: word(24),
		cut: uint64(word(40)), objects: word(48), objectBytes: word(56),
	}
	copy(c.manifest[:], b[64:])
	if !first {
		c.quarantined, c.dropped = word(96), word(104)
	}
	return c, nil
}
