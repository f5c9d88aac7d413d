package firehose

import (
	"encoding/base64"
	"math/bits"

	"sluice/internal/event"
)

// recordIDBytes makes 224 characters of base64, as AWS's ids are.
const recordIDBytes = 168

// recordID names an accepted record. It looks as opaque as AWS's, and is a pure
// function of where the record lies: the place and the index stand in it, under
// a stream of pseudo-random words.
func recordID(route uint64, at event.Position, index int) string {
	var b [recordIDBytes]byte
	words := [...]uint64{route, at.Number, uint64(at.Shard)<<32 | uint64(index)}
	seed := uint64(0x9e3779b97f4a7c15)
	for i, w := range words {
		le.PutUint64(b[8*i:], w)
		seed = mix(seed ^ w)
	}
	for i := range recordIDBytes / 8 {
		word := mix(seed + uint64(i)*0x9e3779b97f4a7c15)
		if i < len(words) { // the same for all ids, or they could not be read back
			word = mix(uint64(i) + 1)
		}
		le.PutUint64(b[8*i:], le.Uint64(b[8*i:])^word)
	}
	return base64.StdEncoding.EncodeToString(b[:])
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return bits.RotateLeft64(x^x>>31, 17)
}
