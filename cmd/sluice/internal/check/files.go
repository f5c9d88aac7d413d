package check

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"sluice/internal/compact"
	"sluice/internal/wal"
)

// fileSuffix is that of compacted files.
const fileSuffix = ".slc"

// cacheBytes holds the index pages and the last block that a check comes back to.
const cacheBytes = 32 << 20

// files reads the compacted files of a shard.
func (c *Checker) files(shard string, refs *references) error {
	entries, err := c.fs.ReadDir(c.path("store", shard))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check compacted files: %w", err)
	}
	part, cache := Part{Part: "store/" + shard}, compact.NewCache(cacheBytes)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), fileSuffix) {
			continue // in the making when the server ended: it means nothing
		}
		st, err := e.Info()
		if err != nil {
			return fmt.Errorf("check compacted files: %w", err)
		}
		part.Files++
		part.Bytes += st.Size()
		if err := c.file(&part, filepath.Join("store", shard, e.Name()), st.Size(), cache, refs); err != nil {
			return fmt.Errorf("check compacted file %s: %w", e.Name(), err)
		}
	}
	c.report.Parts = append(c.report.Parts, part)
	return nil
}

// file reads one compacted file.
func (c *Checker) file(p *Part, name string, size int64, cache *compact.Cache, refs *references) error {
	f, err := compact.Open(c.fs, c.path(name), cache)
	if errors.Is(err, compact.ErrCorrupt) {
		c.damaged(p, Damage{File: name, Bytes: size, What: "nothing of it can be read: " + err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // only read
	lost := uint64(0)
	err = f.Verify(func(d compact.Damage) {
		lost += d.Lost
		c.damaged(p, Damage{File: name, Offset: d.Offset, Bytes: d.Length, What: d.What, First: d.First, Last: d.Last, Lost: d.Lost})
	})
	if err != nil {
		return err
	}
	p.Frames += f.Stats().Frames
	return c.contents(p, name, f, refs)
}

// contents takes note of the batches and matches in a file. What is damaged was
// reported before.
func (c *Checker) contents(p *Part, name string, f *compact.File, refs *references) (err error) {
	f.Groups(func(g compact.Group) {
		placeErr := f.Places(g.UID, 0, math.MinInt64, math.MaxInt64, nil, func(place compact.Place) {
			p.Batches++
			p.Events += uint64(place.Count)
			refs.there.add(place.Number)
		})
		if !errors.Is(placeErr, compact.ErrCorrupt) {
			err = errors.Join(err, placeErr)
		}
	})
	frameErr := f.Frames(0, math.MaxUint64, func(fr wal.Frame) error {
		c.frame(&Part{Part: p.Part}, name, fr, refs)
		return nil
	})
	if !errors.Is(frameErr, compact.ErrCorrupt) {
		err = errors.Join(err, frameErr)
	}
	return err
}
