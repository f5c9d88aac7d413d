package envelope

import "sluice/internal/event"

// ids prints the ids of a run of events. An id is the decimal number
//
//	timestamp<<144 | ingested<<80 | request<<16 | index
//
// so of events of one batch and millisecond only the index differs: the text before
// is counted up by what it grew. Logs are such runs, and long divisions by event are
// most of what an envelope costs beyond gzip.
type ids struct {
	text [80]byte
	n    int // of text; 0 before the first
	last event.ID
}

// append appends the decimal form.
//
// hot: BenchmarkMember
func (s *ids) append(dst []byte, id event.ID) []byte {
	grew := int(id.Index) - int(s.last.Index)
	same := s.n > 0 && id.Timestamp == s.last.Timestamp && id.Ingested == s.last.Ingested && id.Request == s.last.Request
	if !same || grew < 0 || !s.count(grew) {
		s.n = len(id.AppendText(s.text[:0]))
	}
	s.last = id
	return append(dst, s.text[:s.n]...)
}

// count adds a small number to the text. It reports false, and leaves no number, if
// that takes a digit more.
func (s *ids) count(by int) bool {
	for at := s.n - 1; by > 0; at-- {
		if at < 0 {
			return false
		}
		by += int(s.text[at] - '0')
		s.text[at] = '0' + byte(by%10)
		by /= 10
	}
	return true
}
