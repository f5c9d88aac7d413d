package pattern

import "bytes"

// match searches the whole message; a term has no word boundaries.
func (t *termPattern) match(message []byte) bool {
	for i := range t.include {
		if !bytes.Contains(message, t.include[i].text) {
			return false
		}
	}
	for i := range t.exclude {
		if bytes.Contains(message, t.exclude[i].text) {
			return false
		}
	}
	if len(t.anyOf) == 0 {
		return true
	}
	for i := range t.anyOf {
		if bytes.Contains(message, t.anyOf[i].text) {
			return true
		}
	}
	return false
}
