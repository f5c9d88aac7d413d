package pattern

// Batch is many messages in one buffer. Message i is Text[start:Ends[i]] where
// start is 0 for i = 0 and Ends[i-1]+1 otherwise: each message, the last one
// too, is followed by exactly one separator byte that belongs to no message.
// The batch is only read.
type Batch struct {
	Text []byte
	Ends []uint32
}

// MatchBatch appends the indexes of the matching messages, ascending, to dst.
func (p *Pattern) MatchBatch(b Batch, dst []uint32) []uint32 {
	start := uint32(0)
	for i, end := range b.Ends {
		if p.Match(b.Text[start:end]) {
			dst = append(dst, uint32(i))
		}
		start = end + 1
	}
	return dst
}
