package pattern

import "math/bits"

// round is up to 64 messages whose facts are gathered before the patterns of a
// group are decided for all of them. Deciding message by message took 40 ns a
// match and more for what did not match; a round takes 2 ns a pattern and 2 ns a
// match.
type round struct {
	facts    facts
	messages [roundSize]uint32
	count    int
	valid    uint64 // those that some pattern may match
	puzzling uint64 // those that each pattern has to look at itself
}

const roundSize = 64

// begin opens the facts of message i.
func (r *round) begin(i uint32) {
	r.facts.message = 1 << r.count
	r.messages[r.count] = i
	r.count++
}

// full reports whether the round must be judged before the next message.
func (r *round) full() bool { return r.count == roundSize }

// clear starts the next round.
func (r *round) clear() {
	clear(r.facts.words)
	r.count, r.valid, r.puzzling = 0, 0, 0
}

// court decides the patterns of one group from the facts of a round.
type court struct {
	factory  factory
	verdicts []verdict
}

// judge adds the messages of the round to the patterns that match them, and
// clears the round. puzzled decides a message that the facts do not.
//
// hot: BenchmarkSet
func (c *court) judge(r *round, m *Matches, puzzled func(pattern int32, i uint32) bool) {
	if r.count == 0 {
		return
	}
	words := r.facts.words
	for _, n := range c.factory.numbers {
		n.derive(words)
	}
	for k := range c.verdicts {
		v := &c.verdicts[k]
		got := v.holds(words, r.valid)
		for w := r.puzzling; w != 0; w &= w - 1 {
			if i := r.messages[bits.TrailingZeros64(w)]; puzzled(v.pattern, i) {
				got |= w & -w
			}
		}
		if got != 0 {
			m.lists[v.pattern] = r.append(m.lists[v.pattern], got)
		}
	}
	r.clear()
}

// append appends the indexes of the messages in set.
func (r *round) append(dst []uint32, set uint64) []uint32 {
	for ; set != 0; set &= set - 1 {
		dst = append(dst, r.messages[bits.TrailingZeros64(set)])
	}
	return dst
}
