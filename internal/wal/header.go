package wal

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	headerSize    = 64
	headerVersion = 2 // 1 of files whose names have their base
	headerMagic   = "sluicewl"

	segmentSuffix = ".wal"
	spareSuffix   = ".spare" // a trimmed segment kept for its blocks
	tempSuffix    = ".tmp"   // a segment in the making
)

// header is the start of a segment file.
type header struct {
	shard uint32
	uuid  uint64
	base  uint64 // sequence of the first frame
}

// version is what programs must know to read the file.
func (h header) version() uint32 {
	if h.uuid&laterBase == 0 {
		return 1
	}
	return headerVersion
}

func appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = le.AppendUint32(dst, h.version())
	dst = le.AppendUint32(dst, h.shard)
	dst = le.AppendUint64(dst, h.uuid)
	dst = le.AppendUint64(dst, h.base)
	dst = append(dst, make([]byte, headerSize-4-(len(dst)-start))...)
	return le.AppendUint32(dst, checksumOf(dst[start:]))
}

// parseHeader reports ok = false for a damaged header, and an error only for an
// intact one that this version cannot read.
func parseHeader(b []byte) (h header, ok bool, err error) {
	if len(b) < headerSize || string(b[:8]) != headerMagic ||
		checksumOf(b[:headerSize-4]) != le.Uint32(b[headerSize-4:]) {
		return header{}, false, nil
	}
	if v := le.Uint32(b[8:]); v > headerVersion {
		return header{}, false, fmt.Errorf("%w: %d, this is %d", ErrVersion, v, headerVersion)
	}
	return header{shard: le.Uint32(b[12:]), uuid: le.Uint64(b[16:]), base: le.Uint64(b[24:])}, true, nil
}

// segmentName spells base and uuid so that a damaged header costs nothing. The base
// of a uuid with laterBase is that or a later one.
func segmentName(base, uuid uint64) string {
	return fmt.Sprintf("%020d-%016x%s", base, uuid, segmentSuffix)
}

// spareName is what a segment file is called when its blocks are all it is kept for.
func spareName(name string) string { return strings.TrimSuffix(name, segmentSuffix) + spareSuffix }

func parseSegmentName(name string) (base, uuid uint64, ok bool) {
	stem, isSegment := strings.CutSuffix(name, segmentSuffix)
	left, right, dash := strings.Cut(stem, "-")
	if !isSegment || !dash || len(left) != 20 || len(right) != 16 {
		return 0, 0, false
	}
	base, err1 := strconv.ParseUint(left, 10, 64)
	uuid, err2 := strconv.ParseUint(right, 16, 64)
	return base, uuid, err1 == nil && err2 == nil && base > 0 && base <= maxSeq && segmentName(base, uuid) == name
}
