package pattern

import "bytes"

// matchGlob reports whether text is the pieces in order with anything, also
// nothing, between them. Taking the leftmost place for each inner piece is
// enough, because the last one is matched from the end.
func matchGlob(pieces [][]byte, text []byte) bool {
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(text) < len(first)+len(last) || !bytes.HasPrefix(text, first) || !bytes.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, piece := range pieces[1 : len(pieces)-1] {
		i := bytes.Index(text, piece)
		if i < 0 {
			return false
		}
		text = text[i+len(piece):]
	}
	return true
}
