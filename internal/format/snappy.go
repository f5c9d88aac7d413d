package format

import (
	"io"

	"github.com/klauspost/compress/s2"
)

// snappyBlock is how much goes into one raw snappy block, in both framings: what
// snappy-java takes by default, and what objects of the original were seen to
// hold.
const snappyBlock = 32 << 10

// xerialHeader starts a stream of snappy-java: magic, version 1, readable by
// version 1.
//
//	+------------------------+-------+-------+  +--------+-----------+
//	| 82 "SNAPPY" 00         | 1, BE | 1, BE |  | BE     | raw       | ...
//	|                        | u32   | u32   |  | length | snappy    |
//	+------------------------+-------+-------+  +--------+-----------+
const xerialHeader = "\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"

// snappyStream cuts records into blocks of one size, so that the runs they came
// in leave no trace. Hadoop's BlockCompressorStream has no header and says each
// block's raw length too:
//
//	+------------+-----------+-----------+
//	| BE raw     | BE packed | raw       | ...
//	| length     | length    | snappy    |
//	+------------+-----------+-----------+
type snappyStream struct {
	dst    io.Writer
	hadoop bool
	header string // still to be written
	plain  []byte
	packed []byte
}

func newXerial() encoder { return newSnappy(false) }
func newHadoop() encoder { return newSnappy(true) }

func newSnappy(hadoop bool) *snappyStream {
	return &snappyStream{
		hadoop: hadoop,
		plain:  make([]byte, 0, snappyBlock),
		packed: make([]byte, 8+s2.MaxEncodedLen(snappyBlock)),
	}
}

func (s *snappyStream) Reset(dst io.Writer) {
	s.dst, s.plain, s.header = dst, s.plain[:0], xerialHeader
	if s.hadoop {
		s.header = ""
	}
}

// Write packs whole blocks straight from p and keeps what is left of it.
func (s *snappyStream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(s.plain) == 0 && len(p) >= snappyBlock {
			if err := s.block(p[:snappyBlock]); err != nil {
				return n - len(p), err
			}
			p = p[snappyBlock:]
			continue
		}
		took := min(len(p), snappyBlock-len(s.plain))
		s.plain = append(s.plain, p[:took]...)
		p = p[took:]
		if len(s.plain) == snappyBlock {
			if err := s.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

func (s *snappyStream) Close() error {
	if err := s.begin(); err != nil || len(s.plain) == 0 {
		return err
	}
	return s.flush()
}

func (s *snappyStream) flush() error {
	err := s.block(s.plain)
	s.plain = s.plain[:0]
	return err
}

func (s *snappyStream) begin() error {
	if s.header == "" {
		return nil
	}
	_, err := io.WriteString(s.dst, s.header)
	s.header = ""
	return err
}

func (s *snappyStream) block(plain []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	size := len(s2.EncodeSnappy(s.packed[8:], plain))
	be.PutUint32(s.packed, uint32(len(plain)))
	be.PutUint32(s.packed[4:], uint32(size))
	from := 4
	if s.hadoop {
		from = 0
	}
	_, err := s.dst.Write(s.packed[from : 8+size])
	return err
}
