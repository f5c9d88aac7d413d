package compact

import (
	"errors"
	"hash/crc32"
	"io"

	"sluice/internal/vfs"
)

const (
	footerSize  = 256
	headBytes   = 4096 // before the first block, for the copy of the footer
	footerMagic = "sluiceco"
)

// footer is what an open file begins with. It stands at the end of the file and
// at its beginning.
//
//	0            8         12      16      24     32      40      48     56       64
//	+------------+---------+-------+-------+------+-------+-------+------+--------+
//	| "sluiceco" | version | shard | first | last | batches events| text | frames |
//	+------------+---------+-------+-------+------+-------+-------+------+--------+
//	64       72           80       88             136                    192    220    252
//	+--------+------------+--------+--------------+----------------------+------+------+--------+
//	| blocks | file bytes | index  | 6 columns u64| 2 x directory: offset| note | zero | crc32c |
//	|        |            | bytes  |              | zero 8, size, raw,   |      |      |        |
//	|        |            |        |              | crc32c, 28 bytes     |      |      |        |
//	+--------+------------+--------+--------------+----------------------+------+------+--------+
//
// The note is a page as the directory is; all zero where there is none.
type footer struct {
	shard       uint32
	first, last uint64
	Stats
	copies [2]page // of the directory
	note   page    // of no bytes: there is none
}

func appendFooter(dst []byte, f *footer) []byte {
	start := len(dst)
	dst = append(dst, footerMagic...)
	dst = le.AppendUint32(dst, version)
	dst = le.AppendUint32(dst, f.shard)
	for _, v := range []uint64{f.first, f.last, f.Batches, f.Events, uint64(f.TextBytes), f.Frames, f.Blocks, uint64(f.FileBytes), uint64(f.IndexBytes)} {
		dst = le.AppendUint64(dst, v)
	}
	for _, v := range f.Columns {
		dst = le.AppendUint64(dst, uint64(v))
	}
	for _, p := range []page{f.copies[0], f.copies[1], f.note} {
		dst = le.AppendUint64(dst, uint64(p.offset))
		dst = le.AppendUint64(dst, 0)
		dst = le.AppendUint32(dst, p.size)
		dst = le.AppendUint32(dst, p.raw)
		dst = le.AppendUint32(dst, p.sum)
	}
	dst = append(dst, make([]byte, footerSize-crc32.Size-(len(dst)-start))...)
	return le.AppendUint32(dst, checksum(dst[start:]))
}

var errNoFooter = errors.New("footer")

func parseFooter(b []byte) (f footer, err error) {
	if string(b[:8]) != footerMagic || checksum(b[:footerSize-crc32.Size]) != le.Uint32(b[footerSize-crc32.Size:]) {
		return f, errNoFooter
	}
	if le.Uint32(b[8:]) > version {
		return f, ErrVersion
	}
	f.shard, b = le.Uint32(b[12:]), b[16:]
	var text, size, index uint64
	for _, v := range []*uint64{&f.first, &f.last, &f.Batches, &f.Events, &text, &f.Frames, &f.Blocks, &size, &index} {
		*v, b = le.Uint64(b), b[8:]
	}
	f.TextBytes, f.FileBytes, f.IndexBytes = int64(text), int64(size), int64(index)
	for i := range f.Columns {
		f.Columns[i], b = int64(le.Uint64(b)), b[8:]
	}
	for _, p := range []*page{&f.copies[0], &f.copies[1], &f.note} {
		c := column{le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[24:])}
		if c.raw > maxRaw || c.size > c.raw {
			return f, errNoFooter
		}
		*p, b = page{offset: int64(le.Uint64(b)), column: c}, b[pageBytes:]
	}
	if f.Blocks > 1<<31 {
		return f, errNoFooter
	}
	return f, nil
}

// readFooter reads the footer at the end, or its copy at the beginning.
func readFooter(f vfs.File) (footer, error) {
	size, err := f.Size()
	if err != nil {
		return footer{}, err
	}
	var b [footerSize]byte
	var ft footer
	err = errNoFooter
	for _, at := range []int64{size - footerSize, 0} {
		if at < 0 {
			continue
		}
		if _, readErr := f.ReadAt(b[:], at); readErr != nil && readErr != io.EOF {
			return footer{}, readErr
		}
		if ft, err = parseFooter(b[:]); err == nil {
			return ft, nil
		}
	}
	if err == errNoFooter {
		err = &CorruptError{File: f.Name(), Block: -1, Offset: max(size-footerSize, 0), What: "footer"}
	}
	return footer{}, err
}

// readError tells bytes that are not there from a file system that fails.
func readError(f vfs.File, block int, offset int64, what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptError{File: f.Name(), Block: block, Offset: offset, What: what + ": file ends"}
	}
	return err
}
