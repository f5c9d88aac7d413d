package format

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"math"

	"github.com/klauspost/compress/flate"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// zipper is ZIP: an archive of one deflated entry. What the entry's header says
// (checksum, sizes, and the name, which comes from the records' hash) is known
// at the end, so a blank header goes out first and is overwritten in place: no
// data descriptor, so that readers which do not seek can read it too.
//
//	+----------+------+---------+-------------------+------+---------------+
//	| entry    | name | deflate | directory: header | name | end of        |
//	| header 30| 36   | stream  | 46                | 36   | directory, 22 |
//	+----------+------+---------+-------------------+------+---------------+
//
// From 4 GiB on the sizes are in the directory alone, in the fields of ZIP64: the
// header in front has no room for them, and a cut that was planned must be put.
// Readers that do not seek cannot read such an entry.
type zipper struct {
	dst     io.Writer
	deflate *flate.Writer
	head    [zipHead + uuidSize]byte // scratch for headers
	name    [uuidSize]byte
	sum     uint32
	plain   int64
	packed  int64
	limit   int64 // of sizes, beyond which they are in the fields of ZIP64
	begun   bool
}

const (
	uuidSize = 36
	zipHead  = 30
	zipEntry = 46
	zipEnd   = 22

	zip64Extra = 4 + 2*8
	zip64End   = 56

	zipVersion  = 20             // deflate
	zip64       = 45             // the version that reads ZIP64
	zipLarge    = math.MaxUint32 // in place of a size or an offset: see ZIP64's
	zipDeflated = 8              // method
	zipDate     = 0x0021         // 1980-01-01: a clock would make equal records unequal
)

func newZip() encoder {
	z := &zipper{limit: zipLarge - zipHead - uuidSize}
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic("format: deflate level: " + err.Error()) // a constant
	}
	z.deflate = w
	return z
}

func (z *zipper) Reset(dst io.Writer) {
	z.dst, z.sum, z.plain, z.packed, z.begun = dst, 0, 0, 0, false
	z.deflate.Reset((*zipStream)(z))
}

// identify names the entry after the records in it.
func (z *zipper) identify(o *Object) { z.name = o.uuid() }

func (z *zipper) begin() error {
	if z.begun {
		return nil
	}
	z.begun = true
	clear(z.head[:])
	_, err := z.dst.Write(z.head[:])
	return err
}

func (z *zipper) Write(p []byte) (int, error) {
	if err := z.begin(); err != nil {
		return 0, err
	}
	z.sum = crc32.Update(z.sum, crc32.IEEETable, p)
	z.plain += int64(len(p))
	return z.deflate.Write(p)
}

func (z *zipper) Close() error {
	if err := z.begin(); err != nil {
		return err
	}
	if err := z.deflate.Close(); err != nil {
		return err
	}
	head := z.appendFacts(append(z.head[:0], "PK\x03\x04"...))
	head = le.AppendUint16(head, 0) // extra field
	if _, err := z.dst.(io.WriterAt).WriteAt(append(head, z.name[:]...), 0); err != nil {
		return err
	}
	_, err := z.dst.Write(z.appendDirectory(nil))
	return err
}

// large tells whether sizes need the fields of ZIP64.
func (z *zipper) large() bool { return max(z.plain, z.packed) >= z.limit }

func (z *zipper) version() uint16 {
	if z.large() {
		return zip64
	}
	return zipVersion
}

// appendFacts appends what both headers of the entry say, from the version
// needed to the length of the name.
func (z *zipper) appendFacts(dst []byte) []byte {
	for _, v := range [...]uint16{z.version(), 0 /* flags */, zipDeflated, 0 /* time */, zipDate} {
		dst = le.AppendUint16(dst, v)
	}
	packed, plain := uint32(z.packed), uint32(z.plain)
	if z.large() {
		packed, plain = zipLarge, zipLarge
	}
	dst = le.AppendUint32(dst, z.sum)
	dst = le.AppendUint32(dst, packed)
	dst = le.AppendUint32(dst, plain)
	return le.AppendUint16(dst, uuidSize)
}

func (z *zipper) appendDirectory(dst []byte) []byte {
	size, at := uint32(zipEntry+uuidSize), uint64(zipHead+uuidSize+z.packed)
	dst = le.AppendUint16(append(dst, "PK\x01\x02"...), z.version()) // made by
	dst = z.appendFacts(dst)
	extra := len(dst)
	dst = append(dst, make([]byte, 16)...) // extra, comment, disk, attributes, offset of the entry
	dst = append(dst, z.name[:]...)
	offset := uint32(at)
	if z.large() {
		le.PutUint16(dst[extra:], zip64Extra)
		size += zip64Extra
		dst = z.appendLarge(dst, uint64(size), at)
		offset = zipLarge
	}
	dst = append(dst, "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...) // one disk, one entry
	dst = le.AppendUint32(dst, size)
	dst = le.AppendUint32(dst, offset)
	return append(dst, 0, 0) // no comment
}

// appendLarge appends the sizes, where the directory has room for them, and ZIP64's
// end of the directory, which has so many bytes from at on.
func (z *zipper) appendLarge(dst []byte, size, at uint64) []byte {
	dst = le.AppendUint16(le.AppendUint16(dst, 1), zip64Extra-4)
	dst = le.AppendUint64(le.AppendUint64(dst, uint64(z.plain)), uint64(z.packed))

	dst = le.AppendUint64(append(dst, "PK\x06\x06"...), zip64End-12)
	dst = le.AppendUint16(le.AppendUint16(dst, zip64), zip64) // made by, needed
	dst = append(dst, make([]byte, 8)...)                     // the first disk, twice
	dst = le.AppendUint64(le.AppendUint64(dst, 1), 1)         // one entry
	dst = le.AppendUint64(le.AppendUint64(dst, size), at)
	dst = append(dst, "PK\x06\x07\x00\x00\x00\x00"...) // where that is
	dst = le.AppendUint64(dst, at+size)
	return le.AppendUint32(dst, 1) // of one disk
}

// zipStream is a zipper as its deflate stream sees it: a place that counts.
type zipStream zipper

func (z *zipStream) Write(p []byte) (int, error) {
	n, err := z.dst.Write(p)
	z.packed += int64(n)
	return n, err
}

// appendUUID appends the text form of u, marked as a name-based UUID (version
// 5) whatever it was.
func appendUUID(dst []byte, u [16]byte) []byte {
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	for i, part := range [...][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
