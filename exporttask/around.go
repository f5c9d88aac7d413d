package exporttask

import "sluice/internal/vfs"

// A spool lives for minutes and is read once, a stream at a time. Up to some
// hundred MB the machine's page cache takes it for 0.5 ns a byte, in and out, since
// it gets the same pages again and again. Beyond that every page is a new one: 1.6
// to 3 ns a byte where a virtual machine's host has to find the memory, and other
// programs lose theirs. Around the cache a byte costs 0.15 ns to write and, in
// pieces of 320 KiB, 0.3 to read; but each access costs 80 us, so that a stream's
// share of a part has to be large.
const (
	// aroundBytes is the size from which a spool goes around the cache.
	aroundBytes = 1 << 30
	// aroundShare is what a stream has of a part that is made for it.
	aroundShare = 320 << 10
	// aroundLeast is what is worth an access to the disk; below that the cache is.
	aroundLeast = 128 << 10
	// aroundStep is how much is written at once.
	aroundStep = 4 << 20
	// aroundRead is how much of a stream is read at once, at most.
	aroundRead = 1 << 20

	leastPart = 16 << 20
	mostPart  = 64 << 20 // which is held in memory
)

// pays tells whether a spool of that size, for so many streams, goes around the
// page cache.
func pays(bytes int64, streams int) bool {
	return bytes >= aroundBytes && streams <= mostPart/aroundLeast
}

// partBytes is how large a spool's parts are.
func (s *spool) partBytes() int {
	if s.direct == nil {
		return leastPart
	}
	return min(max(len(s.streams)*aroundShare, leastPart), mostPart)
}

// goAround has the spool written and read around the page cache, where the file
// system can.
func (s *spool) goAround() {
	s.direct, _ = vfs.OpenDirect(s.fsys, s.path) // the page cache does, too
}

func alignUp(at int64) int64 { return (at + vfs.DirectBlock - 1) &^ (vfs.DirectBlock - 1) }

// writeAround writes whole blocks. File systems may refuse what they opened: then
// the rest of the spool goes through the cache.
func (s *spooling) writeAround(b []byte, at int64) error {
	_, err := s.direct.WriteAt(b, at)
	if err != nil {
		s.direct.Close() // nothing is lost: what was not written is written again
		s.direct = nil
	}
	return err
}

// window is what a reader has read of a stream around the page cache: records
// that lie beside each other.
type window struct {
	memory []byte
	from   int64 // where it lies in the file
	size   int64
	lent   int  // to batches that are open
	copied bool // what is in it is copied, not lent: where many batches overlap, each would keep a window
}

// mostLent is how many windows of a reader batches are lent from.
const mostLent = 4

// around finds a record in a window, or reads one; nil: it has to be read through
// the cache.
func (r *spoolReader) around(record spoolRecord) (*window, []byte) {
	end := record.at + int64(record.size)
	if r.spool.direct == nil || record.at < 0 {
		return nil, nil
	}
	w := r.last
	if w == nil || record.at < w.from || end > w.from+w.size {
		w = r.unlent()
		from := record.at &^ (vfs.DirectBlock - 1)
		size := alignUp(max(end, min(record.end, record.at+aroundRead))) - from
		if int64(cap(w.memory)) < size {
			w.memory = vfs.DirectMemory(int(max(size, 2*aroundShare)))
		}
		r.last = nil
		if n, _ := r.spool.direct.ReadAt(w.memory[:size], from); int64(n) < size {
			return nil, nil
		}
		w.from, w.size, r.last = from, size, w
	}
	return w, w.memory[record.at-w.from : end-w.from]
}

// unlent is a window that can be read into.
func (r *spoolReader) unlent() *window {
	for _, w := range r.windows {
		if w.lent == 0 {
			return w
		}
	}
	w := &window{copied: len(r.windows) == mostLent}
	r.windows = append(r.windows, w)
	return w
}
