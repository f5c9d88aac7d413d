package compact

import "encoding/binary"

var le = binary.LittleEndian

// reader takes values off the front of bytes that are not trusted. After the
// first value that is not there, bad stays set and all values are zero.
type reader struct {
	rest []byte
	bad  bool
}

// hot: BenchmarkReadBatches
func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(v)
	}
	return r.long()
}

func (r *reader) long() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.rest, r.bad = nil, true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// skip passes over n varints.
func (r *reader) skip(n int) {
	for i, c := range r.rest {
		if n == 0 {
			r.rest = r.rest[i:]
			return
		}
		if c < 0x80 {
			n--
		}
	}
	r.rest, r.bad = nil, r.bad || n > 0
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// bytes returns nil when there are fewer than n.
func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.rest, r.bad = nil, true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// done tells whether all bytes were taken and none was missing.
func (r *reader) done() bool { return !r.bad && len(r.rest) == 0 }

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func appendUvarint(dst []byte, v uint64) []byte {
	if v < 0x80 {
		return append(dst, byte(v))
	}
	return binary.AppendUvarint(dst, v)
}
