package pattern

// Batch is many messages in one buffer. Message i is Text[start:Ends[i]] where
// start is 0 for i = 0 and Ends[i-1]+1 otherwise: each message, the last one
// too, is followed by exactly one separator byte that belongs to no message.
// Messages may hold newlines and any other bytes. The batch is only read.
type Batch struct {
	Text []byte
	Ends []uint32
}

// start returns the offset of message i.
func (b *Batch) start(i int) int {
	if i == 0 {
		return 0
	}
	return int(b.Ends[i-1]) + 1
}

// message returns message i.
func (b *Batch) message(i int) []byte { return b.Text[b.start(i):b.Ends[i]] }

// seek returns the first message from i on that ends at offset or later, or
// the number of messages. It gallops: close messages are found soonest.
func (b *Batch) seek(i, offset int) int {
	lo, step := i, 1
	for i < len(b.Ends) && int(b.Ends[i]) < offset {
		lo = i + 1
		i += step
		step *= 2
	}
	hi := min(i, len(b.Ends))
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if int(b.Ends[mid]) < offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// chunkBytes is how much text is searched before the hits in it are looked at:
// enough for the vector loops to run, little enough for the cache to still hold
// it when the matcher comes.
const chunkBytes = 64 << 10

// chunkEnd returns the end of the chunk of whole messages that starts with
// message lo.
func (b *Batch) chunkEnd(lo int) int {
	return min(b.seek(lo, b.start(lo)+chunkBytes)+1, len(b.Ends))
}

// MatchBatch appends the indexes of the matching messages, ascending, to dst.
// The verdicts are Match's. It allocates nothing if dst has room, and may be
// called by many goroutines at once.
//
// Where the pattern has a literal that every match contains, the text is
// searched for it as a whole, and only messages with a hit are matched.
//
// hot: BenchmarkBatch
func (p *Pattern) MatchBatch(b Batch, dst []uint32) []uint32 {
	plan := p.batchPlan()
	if plan.search == nil && plan.probe == nil {
		return p.matchEach(b, 0, len(b.Ends), dst)
	}
	s := newBatchScratch()
	defer s.free()
	unaided := 0
	for lo, hi := 0, 0; lo < len(b.Ends); lo = hi {
		hi = b.chunkEnd(lo)
		dst = p.matchChunk(plan, s, b, lo, hi, dst, &unaided)
	}
	return dst
}

// matchChunk matches messages lo to hi with the help of plan. Where most messages
// are candidates, looking for them saves nothing: then the next chunks, counted
// by unaided, are matched without, before it gets another chance.
func (p *Pattern) matchChunk(plan *batchPlan, s *batchScratch, b Batch, lo, hi int, dst []uint32, unaided *int) []uint32 {
	if *unaided > 0 {
		*unaided--
		return p.matchEach(b, lo, hi, dst)
	}
	s.events = plan.candidates(s, &b, lo, hi)
	switch {
	case plan.inverted:
		return appendOthers(dst, s.events, lo, hi)
	case plan.exact:
		return append(dst, s.events...)
	}
	if 4*len(s.events) > 3*(hi-lo) {
		*unaided = 7
	}
	return p.matchThese(b, s.events, dst)
}

// matchEach matches messages lo to hi one by one.
func (p *Pattern) matchEach(b Batch, lo, hi int, dst []uint32) []uint32 {
	start := b.start(lo)
	for i := lo; i < hi; i++ {
		end := int(b.Ends[i])
		if p.verify(b.Text[start:end]) {
			dst = append(dst, uint32(i))
		}
		start = end + 1
	}
	return dst
}

// matchThese matches the given messages.
func (p *Pattern) matchThese(b Batch, events, dst []uint32) []uint32 {
	for _, i := range events {
		if p.verify(b.message(int(i))) {
			dst = append(dst, i)
		}
	}
	return dst
}

// appendOthers appends the indexes from lo to hi that are not in events.
func appendOthers(dst, events []uint32, lo, hi int) []uint32 {
	i := uint32(lo)
	for _, e := range events {
		for ; i < e; i++ {
			dst = append(dst, i)
		}
		i++
	}
	for ; i < uint32(hi); i++ {
		dst = append(dst, i)
	}
	return dst
}
