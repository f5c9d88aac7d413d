package wal

import "errors"

// Frames visits the durable frames in [first, end) that the log still has, in
// order. What was trimmed or lost to damage is passed over. A payload is
// immutable and freed by the GC. An error of visit ends the visit and is
// returned.
func (l *Log) Frames(first, end uint64, visit func(Frame) error) error {
	r, err := l.NewReader(first)
	for {
		if errors.Is(err, ErrTrimmed) {
			r, err = l.NewReader(max(first, l.First()))
			continue
		}
		if err != nil {
			return err
		}
		var block Block
		var more bool
		if block, more, err = r.TryNext(); err != nil {
			first = r.Position()
			continue
		}
		if !more {
			return nil
		}
		for f := range block.All() {
			if f.Seq >= end {
				return nil
			}
			if err := visit(f); err != nil {
				return err
			}
		}
	}
}

// DiskBytes is what the log takes on disk: whole files, as segments are made
// with their space reserved, and the spares.
func (l *Log) DiskBytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(len(l.spares)) * l.cfg.SegmentBytes
	if l.ahead != nil {
		n += l.ahead.size
	}
	for _, s := range l.segments {
		switch {
		case s == l.active && !s.full:
			n += s.limit
		default:
			n += s.end + int64(len(s.footer))
			for _, sec := range s.sections {
				n += sec.length
			}
		}
	}
	return n
}
