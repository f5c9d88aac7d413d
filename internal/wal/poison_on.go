//go:build race

package wal

import "bytes"

// poison has tests under the race detector see who looks at memory that was given
// back.
func poison(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, poisoned):]
	}
}

var poisoned = bytes.Repeat([]byte{0xDB}, 64<<10)
