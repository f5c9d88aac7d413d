package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("log is closed")
	// ErrReadOnly: a write or sync failed and ended writing for good; it wraps the cause.
	ErrReadOnly = errors.New("log is closed for writing")
	// ErrNoSegment: the next segment cannot be made now; the frame was not taken
	// and the call may be repeated.
	ErrNoSegment = errors.New("make log segment")
	// ErrNoSpace: an ErrNoSegment for want of room on the disk.
	ErrNoSpace = errors.New("no space for the next log segment")
	// ErrTrimmed: the position lies before First.
	ErrTrimmed = errors.New("position was trimmed from the log")
	// ErrBeyond: the position lies after everything that the log has.
	ErrBeyond = errors.New("position lies beyond the end of the log")
	// ErrTooLarge: the payload is longer than Config.MaxFrameBytes.
	ErrTooLarge = errors.New("frame is larger than the log takes")
	// ErrType: the frame type is zero or reserved.
	ErrType = errors.New("frame type is reserved")
	// ErrNotSealed: the segment is still written to and has no footer yet.
	ErrNotSealed = errors.New("segment is not sealed")
	// ErrNoSection: the segment's footer has no section of that indexer.
	ErrNoSection = errors.New("segment has no such section")
	// ErrVersion: the segment was written by a newer version.
	ErrVersion = errors.New("log segment has a newer format")
)

// Damage is a range of a segment that is not what was written there. Nothing of
// it was lost by a crash: it had been durable.
type Damage struct {
	Segment  string // file name; the one after the gap when a whole file is missing
	Offset   int64  // where the damaged bytes begin
	Length   int64  // how many they are
	FirstSeq uint64 // first missing frame
	LastSeq  uint64 // last missing frame; LastSeq < FirstSeq: no frame is missing
	Reason   string // "frames", "header", "footer", "snapshot", "missing segment"
}

// Missing returns how many frames the damage costs.
func (d Damage) Missing() uint64 {
	if d.LastSeq < d.FirstSeq {
		return 0
	}
	return d.LastSeq - d.FirstSeq + 1
}

// CorruptError reports damage that stands between the caller and what it asked for.
type CorruptError struct{ Damage }

func (e *CorruptError) Error() string {
	return fmt.Sprintf("log segment %s is damaged at offset %d: %s", e.Segment, e.Offset, e.Reason)
}
