package event

import "sync"

// HeaderBytes are what a record has in front of its text.
const HeaderBytes = headerSize

// overs pools builders without an arena for the columns that they collect.
var overs = sync.Pool{New: func() any { return &Builder{borrowed: true} }}

// BuilderOver returns an empty builder whose arena is memory of somebody else's,
// who has it back with Release: the text begins at a place that has HeaderBytes or
// more before it. What lies there already is not touched until an event is put
// over it, so that a decoder whose messages are never longer than what they are
// read from may decode in place, and Append of what lies at the front of Free
// copies nothing. Seal writes behind the text.
func BuilderOver(memory []byte, text int) *Builder {
	b := overs.Get().(*Builder)
	b.buf = memory[text-headerSize : text]
	b.Reset()
	return b
}

// MoveTo returns a builder with an arena of its own, as GetBuilder makes it, and
// all that b holds; b is released.
func (b *Builder) MoveTo(size int) *Builder {
	to := GetBuilder(max(size, len(b.buf)))
	to.buf = append(to.buf[:0], b.buf...)
	to.ends, to.times = append(to.ends, b.ends...), append(to.times, b.times...)
	b.Release()
	return to
}
