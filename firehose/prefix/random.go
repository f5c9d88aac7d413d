package prefix

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	randomLength   = 11
	randomAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// appendRandom appends the nth random string of an object. It is a hash of both,
// for it must come out the same for ever.
func appendRandom(dst []byte, identity string, nth int) []byte {
	seed := binary.LittleEndian.AppendUint32(nil, uint32(nth))
	sum := sha256.Sum256(append(seed, identity...))
	n := binary.LittleEndian.Uint64(sum[:])
	for range randomLength { // 36^11 is a hundredth of 2^64: no bias to speak of
		dst = append(dst, randomAlphabet[n%uint64(len(randomAlphabet))])
		n /= uint64(len(randomAlphabet))
	}
	return dst
}
