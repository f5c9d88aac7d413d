package compact

import (
	"errors"
	"fmt"
)

var (
	// ErrNotHere says that a number is not that of a batch, or of a frame, in the file.
	ErrNotHere = errors.New("position is not in the compacted file")
	// ErrOrder says that batches or frames were not written in their order.
	ErrOrder = errors.New("out of order")
	// ErrTooManyGroups says that a directory would not fit in 64 MiB.
	ErrTooManyGroups = errors.New("too many log groups for one compacted file")
	// ErrVersion: the file was written by a newer version.
	ErrVersion = errors.New("compacted file has a newer format")
	// ErrCorrupt is wrapped by every CorruptError.
	ErrCorrupt = errors.New("compacted file is damaged")
)

// CorruptError says where a file is not what was written.
type CorruptError struct {
	File   string
	Block  int   // ordinal of the block; -1: footer, directory or an index page
	Offset int64 // of the damaged part
	What   string
}

func (e *CorruptError) Error() string {
	if e.Block < 0 {
		return fmt.Sprintf("compacted file %s is damaged at offset %d: %s", e.File, e.Offset, e.What)
	}
	return fmt.Sprintf("compacted file %s is damaged at offset %d (block %d): %s", e.File, e.Offset, e.Block, e.What)
}

// Unwrap makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }
