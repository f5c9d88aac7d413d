package bulk

import "sluice/internal/jsonline"

// window is the part of a body, beginning with a line, that is marked.
type window struct {
	from, to int // its place in the body
	next     int // the first event of the line at hand
	*jsonline.Marks
}

// mark moves the window to the line that begins at a place.
func (w *window) mark(body []byte, at int) {
	if w.Marks == nil {
		w.Marks = new(jsonline.Marks)
	}
	w.Mark(body[at:])
	w.from, w.to, w.next = at, at+w.To, 0
}
