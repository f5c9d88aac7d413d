package ingest

import (
	"fmt"
	"unicode/utf8"
)

// Oversize says what happens to an event that is longer than any that AWS takes.
type Oversize uint8

const (
	// OversizeReject refuses the request, as AWS does. Where requests are lenient,
	// the event alone is left out and counted.
	OversizeReject Oversize = iota
	// OversizeTruncate stores what fits of the event's beginning.
	OversizeTruncate
	// OversizeSplit stores the event as several of the same time.
	OversizeSplit
)

// ParseOversize reads a policy as configurations write it.
func ParseOversize(text string) (Oversize, error) {
	for o, name := range [...]string{"reject", "truncate", "split"} {
		if text == name {
			return Oversize(o), nil
		}
	}
	return 0, fmt.Errorf("%q is not one of reject, truncate, split", text)
}

// fitting is how much of a message's beginning fits into one event, in whole
// characters.
func fitting(message []byte) int {
	if len(message) <= maxMessageBytes {
		return len(message)
	}
	n := maxMessageBytes
	for n > maxMessageBytes-utf8.UTFMax && !utf8.RuneStart(message[n]) {
		n--
	}
	return n
}
