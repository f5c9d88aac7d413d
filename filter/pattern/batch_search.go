package pattern

import (
	"sync"

	find "sluice/filter/pattern/internal/literal"
)

// search finds the messages that contain at least one of some literals, or a run
// of byte classes.
type search struct {
	literals []string
	finders  []find.Finder // for few literals: one memchr each
	scanner  *find.Scanner // for more
	run      *find.Sequence
}

// maxFinders is up to how many literals searching for each beats one scan.
const maxFinders = 3

func newSearch(literals []string) *search {
	s := &search{literals: literals}
	if len(literals) > maxFinders {
		s.scanner = find.NewScanner(literals)
		return s
	}
	for _, l := range literals {
		s.finders = append(s.finders, find.NewFinder(l))
	}
	return s
}

// batchScratch is what one call of MatchBatch needs.
type batchScratch struct {
	events []uint32
	hits   []find.Hit
}

var batchScratches = sync.Pool{New: func() any { return new(batchScratch) }}

func newBatchScratch() *batchScratch { return batchScratches.Get().(*batchScratch) }

func (s *batchScratch) free() { batchScratches.Put(s) }

// appendEvents appends the indexes of the messages from lo to hi that contain a
// find.
func (s *search) appendEvents(scratch *batchScratch, b *Batch, lo, hi int, dst []uint32) []uint32 {
	switch {
	case s.run != nil:
		return s.runEvents(b, lo, hi, dst)
	case s.scanner != nil:
		return s.scanEvents(scratch, b, lo, hi, dst)
	}
	return s.findEvents(b, lo, hi, dst)
}

// runEvents goes on behind each message that is selected.
func (s *search) runEvents(b *Batch, lo, hi int, dst []uint32) []uint32 {
	text := b.Text[:b.Ends[hi-1]]
	pos := b.start(lo)
	for i := lo; pos < len(text); {
		hit := s.run.Index(text[pos:])
		if hit < 0 {
			break
		}
		hit += pos
		i = b.seek(i, hit)
		if hit+s.run.Len() > int(b.Ends[i]) { // covers a separator: no hit
			pos = hit + 1
			continue
		}
		dst = append(dst, uint32(i))
		pos = int(b.Ends[i]) + 1
		i++
	}
	return dst
}

// findEvents keeps the next hit of each finder, so that each reads the text
// once, and none reads on in a message that is selected already.
func (s *search) findEvents(b *Batch, lo, hi int, dst []uint32) []uint32 {
	text := b.Text[:b.Ends[hi-1]]
	var next [maxFinders]int
	for k := range next {
		next[k] = -1
	}
	pos := b.start(lo)
	for i := lo; i < hi; {
		hit, length := len(text)+1, 0
		for k := range s.finders {
			if next[k] < pos {
				next[k] = len(text) + 1
				if j := s.finders[k].Index(text[pos:]); j >= 0 {
					next[k] = pos + j
				}
			}
			if next[k] < hit {
				hit, length = next[k], len(s.literals[k])
			}
		}
		if hit > len(text) {
			return dst
		}
		i = b.seek(i, hit)
		if hit+length > int(b.Ends[i]) { // covers a separator: no hit
			pos = hit + 1
			continue
		}
		dst = append(dst, uint32(i))
		pos = int(b.Ends[i]) + 1
		i++
	}
	return dst
}

// scanEvents maps the hits of the scanner to messages.
func (s *search) scanEvents(scratch *batchScratch, b *Batch, lo, hi int, dst []uint32) []uint32 {
	base := b.start(lo)
	scratch.hits = s.scanner.AppendHits(scratch.hits[:0], b.Text[base:b.Ends[hi-1]])
	i, free := lo, 0
	for _, h := range scratch.hits {
		at := base + int(h.Offset())
		if at < free {
			continue // in a message that is selected already
		}
		i = b.seek(i, at)
		if end := int(b.Ends[i]); at+len(s.literals[h.Literal()]) <= end {
			dst = append(dst, uint32(i))
			free = end + 1
		}
	}
	return dst
}
