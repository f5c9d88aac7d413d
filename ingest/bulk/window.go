package bulk

import "sluice/internal/jsonstop"

// windowBytes is how much of a body is marked at once: as much as the
// processor's nearest caches hold together with its marks.
const windowBytes = 64 << 10

// window is the part of a body, beginning with a line, whose stops are marked.
type window struct {
	from, to int    // its place in the body
	stops    []byte // marks, see package jsonstop
	foreign  bool   // a byte beyond ASCII is in it
}

// mark moves the window to the line that begins at a place.
func (w *window) mark(body []byte, at int) {
	if w.stops == nil {
		w.stops = make([]byte, jsonstop.Bytes(windowBytes))
	}
	w.from, w.to = at, min(at+windowBytes, len(body))
	w.foreign = jsonstop.Mark(w.stops, body[w.from:w.to])
}

// lineEnd passes the end of a line; last tells that nothing follows src.
func (s *scanner) lineEnd(i int, last bool) int {
	switch s.at(i) {
	case '\n':
		return i + 1
	case '\r':
		if s.at(i+1) == '\n' {
			return i + 2
		}
	case 0:
		if last && i == len(s.src) {
			return i
		}
	}
	return declined
}
