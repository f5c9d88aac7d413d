package kinesis

import (
	"bytes"
	"fmt"
	"math/big"
	"math/bits"
	"sort"
	"strconv"

	"sluice/stream/embedded"
)

// Stream is the definition of a stream, as the catalog keeps it.
type Stream struct {
	UID            uint64            `json:"uid"` // never used again
	Name           string            `json:"name"`
	Account        string            `json:"account"`
	Region         string            `json:"region"`
	Created        int64             `json:"created"` // ms
	Mode           string            `json:"mode"`
	RetentionHours int               `json:"retentionHours"`
	MaxRecordKiB   int               `json:"maxRecordKiB"`
	Shards         []Shard           `json:"shards"`         // by number
	Logs           int               `json:"logs,omitempty"` // shards of the log that they lie on
	Tags           map[string]string `json:"tags,omitempty"`
}

// Shard is a part of a stream: a range of hashes.
type Shard struct {
	Number  uint32  `json:"number"`
	Created int64   `json:"created"` // ms
	First   hashKey `json:"first"`
	Last    hashKey `json:"last"`
}

// ID is the shard's name: shardId-000000000007.
func (s Shard) ID() string { return fmt.Sprintf("shardId-%012d", s.Number) }

// hashKey is a place in the hash space. Its text is a decimal number.
type hashKey embedded.Hash

// MarshalText implements encoding.TextMarshaler.
func (h hashKey) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h hashKey) String() string { return new(big.Int).SetBytes(h[:]).String() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hashKey) UnmarshalText(b []byte) error {
	parsed, ok := parseHashKey(string(b))
	if !ok {
		return fmt.Errorf("hash key %q is not in [0, 2^128-1]", b)
	}
	*h = parsed
	return nil
}

// parseHashKey reads an ExplicitHashKey; false beyond 2^128-1. The text has digits
// only.
func parseHashKey(text string) (h hashKey, ok bool) {
	if len(text) == 0 || len(text) > 39 {
		return h, false
	}
	var hi, lo uint64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return h, false
		}
		// (hi, lo) * 10 + c
		over, low := bits.Mul64(lo, 10)
		low, carry := bits.Add64(low, uint64(c-'0'), 0)
		more, high := bits.Mul64(hi, 10)
		high, carry = bits.Add64(high, over, carry)
		if more != 0 || carry != 0 {
			return h, false
		}
		hi, lo = high, low
	}
	for i := range 8 {
		h[i], h[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	return h, true
}

// divide makes the shards of a new stream: n equal ranges, what is left over in the
// last one.
func divide(n int, created int64) []Shard {
	space := new(big.Int).Lsh(big.NewInt(1), 128)
	width := new(big.Int).Div(space, big.NewInt(int64(n)))
	key := func(v *big.Int) (h hashKey) {
		v.FillBytes(h[:])
		return h
	}
	shards := make([]Shard, n)
	for i := range shards {
		first := new(big.Int).Mul(width, big.NewInt(int64(i)))
		last := new(big.Int).Add(first, width)
		if i == n-1 {
			last = space
		}
		shards[i] = Shard{Number: uint32(i), Created: created, First: key(first), Last: key(new(big.Int).Sub(last, big.NewInt(1)))}
	}
	return shards
}

// of is the shard that a hash lies in.
func (s *Stream) of(h hashKey) *Shard {
	i := sort.Search(len(s.Shards), func(i int) bool { return bytes.Compare(s.Shards[i].Last[:], h[:]) >= 0 })
	return &s.Shards[i] // the last one ends where the space does
}

// shard finds a shard by its ID; AWS takes the bare number, too.
func (s *Stream) shard(id string) (*Shard, bool) {
	number, ok := shardNumber(id)
	if !ok || uint64(number) >= uint64(len(s.Shards)) {
		return nil, false
	}
	return &s.Shards[number], true
}

func shardNumber(id string) (uint32, bool) {
	const lead = "shardId-"
	if len(id) > len(lead) && id[:len(lead)] == lead {
		id = id[len(lead):]
	}
	n, err := strconv.ParseUint(id, 10, 31)
	return uint32(n), err == nil
}

// retention in ms.
func (s *Stream) retention() int64 { return int64(s.RetentionHours) * 3_600_000 }
