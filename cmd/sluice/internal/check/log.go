package check

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// log reads the log of a shard.
func (c *Checker) log(shard string, refs *references) error {
	part := Part{Part: "wal/" + shard}
	number, _ := strconv.ParseUint(shard, 10, 32) // shards saw to it
	found, err := wal.Verify(c.fs, c.path("wal", shard), uint32(number), func(segment string, f wal.Frame) error {
		c.frame(&part, filepath.Join("wal", shard, segment), f, refs)
		return nil
	}, func(d wal.Damage) {
		c.damaged(&part, Damage{
			File: filepath.Join("wal", shard, d.Segment), Offset: d.Offset, Bytes: d.Length, What: d.Reason,
			First: d.FirstSeq * min(d.Missing(), 1), Last: d.LastSeq, Lost: d.Missing(),
		})
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a shard without log: all its frames are in the files
	}
	if err != nil {
		return fmt.Errorf("check log: %w", err)
	}
	part.Files, part.Bytes, part.Frames = found.Segments, found.Bytes, found.Frames
	refs.first, refs.last = found.First, found.Last
	c.report.Parts = append(c.report.Parts, part)
	return nil
}

// frame takes a frame apart whose bytes are those that were written.
func (c *Checker) frame(p *Part, file string, f wal.Frame, refs *references) {
	switch f.Type {
	case wal.TypeBatch:
		b, err := event.Open(f.Payload)
		if err != nil {
			c.damaged(p, Damage{File: file, What: err.Error(), First: f.Seq, Last: f.Seq, Lost: 1})
			return
		}
		p.Batches++
		p.Events += uint64(b.Len())
		refs.there.add(f.Seq)
	case wal.TypeMatches:
		if err := refs.take(file, f); err != nil {
			c.damaged(p, Damage{File: file, What: err.Error(), First: f.Seq, Last: f.Seq, Lost: 1})
		}
	}
}
