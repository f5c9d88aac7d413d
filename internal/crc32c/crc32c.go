package crc32c

import "hash/crc32"

var table = crc32.MakeTable(crc32.Castagnoli)

// Sum is the checksum of b.
func Sum(b []byte) uint32 { return Update(0, b) }

// Update is the checksum of what crc is the checksum of, and of b behind it.
//
// hot: BenchmarkUpdate
func Update(crc uint32, b []byte) uint32 {
	crc, b = updateBlocks(crc, b)
	return crc32.Update(crc, table, b)
}

// Digest is the checksum of what was written to it.
type Digest uint32

// Write adds b. It has no error.
func (d *Digest) Write(b []byte) (int, error) {
	*d = Digest(Update(uint32(*d), b))
	return len(b), nil
}
