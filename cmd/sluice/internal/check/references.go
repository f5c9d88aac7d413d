package check

import (
	"fmt"
	"maps"
	"slices"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// references are the batches of a shard, and the matches that name one of them
// instead of holding its events.
type references struct {
	there       positions
	wanted      map[uint64]reference // by the position of the batch; the first that names it
	taken       uint64
	first, last uint64 // positions of the log itself
}

// reference is where a batch is named.
type reference struct {
	file string
	seq  uint64 // of the matches
}

func newReferences() *references {
	return &references{there: positions{}, wanted: make(map[uint64]reference), last: 0, first: 1}
}

// take notes what a frame of matches refers to.
func (r *references) take(file string, f wal.Frame) error {
	m, err := event.OpenMatches(f.Payload)
	if err != nil {
		return err
	}
	for entry := range m.Entries() {
		if entry.Kind == event.MatchCopy {
			if _, err := event.Open(entry.Body); err != nil {
				return fmt.Errorf("copied events of batch %d: %w", entry.Source, err)
			}
			continue
		}
		r.taken++
		// Batches come before their matches in the log, so that most are known.
		if _, named := r.wanted[entry.Source]; !named && !r.there.has(entry.Source) {
			r.wanted[entry.Source] = reference{file, f.Seq}
		}
	}
	return nil
}

// references reports what is named and not there. A batch that the log itself
// should hold is missing; one that left the log may have been removed since.
func (c *Checker) references(shard string, r *references) {
	part := Part{Part: "references/" + shard, References: r.taken}
	for _, source := range slices.Sorted(maps.Keys(r.wanted)) {
		switch ref := r.wanted[source]; {
		case r.there.has(source):
		case source >= r.first && source <= r.last:
			c.damaged(&part, Damage{
				File: ref.file, What: fmt.Sprintf("matches %d name batch %d, which is missing", ref.seq, source),
				First: source, Last: source, Lost: 1,
			})
		default:
			c.report.Gone++
		}
	}
	c.report.Parts = append(c.report.Parts, part)
}

// positions is a set of positions: a bit each, in pieces of 64 Ki.
type positions map[uint64]*[1024]uint64

func (p positions) add(n uint64) {
	piece := p[n>>16]
	if piece == nil {
		piece = new([1024]uint64)
		p[n>>16] = piece
	}
	piece[n>>6&1023] |= 1 << (n & 63)
}

func (p positions) has(n uint64) bool {
	piece := p[n>>16]
	return piece != nil && piece[n>>6&1023]>>(n&63)&1 != 0
}
