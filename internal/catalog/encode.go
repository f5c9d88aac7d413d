package catalog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/internal/crc32c"
)

const (
	frameVersion = 1
	frameHeader  = 5
	uidSize      = 8
)

var (
	be = binary.BigEndian
)

// CorruptError says which value of the store cannot be what was written.
type CorruptError struct {
	Bucket Bucket
	Key    []byte
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt catalog: bucket %s, key %q: %v", e.Bucket, e.Key, e.Err)
}

// Unwrap returns what is wrong.
func (e *CorruptError) Unwrap() error { return e.Err }

var (
	errChecksum  = errors.New("checksum mismatch")
	errTruncated = errors.New("value or key has the wrong size")
	errTwice     = errors.New("a second definition of this name or uid")
	errOrphan    = errors.New("belongs to a log group that does not exist")
	errDamaged   = errors.New("damaged page")
	errUnwritten = errors.New("uid was never given out")
)

// frame wraps a value as drawn in the package doc.
func frame(b Bucket, key, value []byte) []byte {
	out := make([]byte, frameHeader, frameHeader+len(value))
	out[0] = frameVersion
	binary.LittleEndian.PutUint32(out[1:], checksum(b, key, value))
	return append(out, value...)
}

// unframe returns the value inside a frame, as a view.
func unframe(b Bucket, key, framed []byte) ([]byte, error) {
	if len(framed) < frameHeader {
		return nil, errTruncated
	}
	if framed[0] != frameVersion {
		return nil, fmt.Errorf("version %d is not known, %d is", framed[0], frameVersion)
	}
	value := framed[frameHeader:]
	if binary.LittleEndian.Uint32(framed[1:]) != checksum(b, key, value) {
		return nil, errChecksum
	}
	return value, nil
}

func checksum(b Bucket, key, value []byte) uint32 {
	sum := crc32c.Update(0, []byte(b))
	sum = crc32c.Update(sum, key)
	return crc32c.Update(sum, value)
}

// set is the change that writes a value.
func set(b Bucket, key, value []byte) Change {
	return Change{Bucket: b, Key: key, Value: frame(b, key, value)}
}

// setJSON is the change that writes a definition as JSON.
func setJSON(b Bucket, uid uint64, definition any) (Change, error) {
	value, err := json.Marshal(definition)
	if err != nil {
		return Change{}, fmt.Errorf("encode definition for %s: %w", b, err)
	}
	return set(b, uidKey(uid), value), nil
}

func uidKey(uid uint64) []byte { return be.AppendUint64(nil, uid) }

func streamKey(s LogStream) []byte { return be.AppendUint64(uidKey(s.GroupUID), s.UID) }

func streamValue(s LogStream) []byte {
	return append(be.AppendUint64(nil, uint64(s.Created)), s.Name...)
}

func parseUID(b []byte) (uint64, error) {
	if len(b) != uidSize {
		return 0, errTruncated
	}
	return be.Uint64(b), nil
}

func parseStream(key, value []byte) (LogStream, error) {
	if len(key) != 2*uidSize || len(value) < 8 {
		return LogStream{}, errTruncated
	}
	return LogStream{
		GroupUID: be.Uint64(key), UID: be.Uint64(key[uidSize:]),
		Created: int64(be.Uint64(value)), Name: string(value[8:]),
	}, nil
}
