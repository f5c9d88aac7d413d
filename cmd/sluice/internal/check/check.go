// Package check reads everything in a data folder that no server uses and says
// what is damaged. It changes nothing: the file system is asked through a seam
// that refuses every operation that could.
//
// What enters: a data folder, locked by the caller. What leaves: a Report, a
// row per part and a line per damage. Memory: a bit per position of the log
// that holds a batch, the references not found yet, and what one block of a
// compacted file takes. Nothing is kept, so nothing can be lost in a crash.
//
// # Parts
//
//	catalog    pages of the file, and whether each definition can be read
//	wal/N      all segments of a shard of the log, frame by frame; batches and
//	           matches are taken apart
//	store/N    all compacted files of a shard: every block, index and filter
//	references matches that hold no events of their own, but name a batch
package check

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// Report is what a check found.
type Report struct {
	DataDir string   `json:"data_dir"`
	Sound   bool     `json:"sound"`
	Parts   []Part   `json:"parts"`
	Damage  []Damage `json:"damage"`
	// Omitted counts the damage beyond MostDamage.
	Omitted int `json:"damage_omitted,omitempty"`
	// Gone counts references to batches that retention, a deletion or the disk
	// budget removed: they are no damage.
	Gone int `json:"references_gone,omitempty"`
}

// MostDamage is how many damages a Report lists.
const MostDamage = 1000

// Part is one part of the folder. Counts are of what can be read.
type Part struct {
	Part        string `json:"part"`
	Files       int    `json:"files"`
	Bytes       int64  `json:"bytes"`
	Frames      uint64 `json:"frames,omitempty"`
	Batches     uint64 `json:"batches,omitempty"`
	Events      uint64 `json:"events,omitempty"`
	Definitions int    `json:"definitions,omitempty"`
	References  uint64 `json:"references,omitempty"`
	Damaged     int    `json:"damaged"`
}

// Damage is a range of a file that is not what was written there, or something
// that is missing.
type Damage struct {
	Part   string `json:"part"`
	File   string `json:"file,omitempty"` // below the data folder
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes,omitempty"`
	What   string `json:"what"`
	// First and Last are positions that were lost, or among which they were;
	// Lost is their number. Zero where nothing is lost.
	First uint64 `json:"first,omitempty"`
	Last  uint64 `json:"last,omitempty"`
	Lost  uint64 `json:"lost,omitempty"`
}

// Checker is one check.
type Checker struct {
	fs     vfs.FS
	root   string
	read   atomic.Int64
	report Report
}

// errChanges is what the seam answers to an operation that is none of reading.
var errChanges = errors.New("a check changes nothing")

// New prepares the check of a data folder. fsys is the machine's: the catalog is
// read by its path.
func New(fsys vfs.FS, root string) *Checker {
	c := &Checker{root: root, report: Report{DataDir: root, Damage: []Damage{}}}
	c.fs = vfs.Fault(fsys, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			c.read.Add(op.Size)
		}
		if op.Kind.Changes() {
			return errChanges
		}
		return nil
	})
	return c
}

// Read is how many bytes were read so far. It may be called while Run runs.
func (c *Checker) Read() int64 { return c.read.Load() }

// Total is about how many bytes Run will read.
func (c *Checker) Total() (bytes int64) {
	for _, folder := range []string{"wal", "store"} {
		for _, shard := range c.shards(folder) {
			entries, err := c.fs.ReadDir(c.path(folder, shard))
			if err != nil {
				continue // Run says so
			}
			for _, e := range entries {
				if st, err := e.Info(); err == nil && !e.IsDir() {
					bytes += st.Size()
				}
			}
		}
	}
	return bytes
}

// Run reads everything. The error is the file system's: what is damaged is in
// the Report.
func (c *Checker) Run() (Report, error) {
	if err := c.catalog(); err != nil {
		return c.report, err
	}
	for _, shard := range c.allShards() {
		if err := c.shard(shard); err != nil {
			return c.report, err
		}
	}
	c.report.Sound = len(c.report.Damage) == 0
	return c.report, nil
}

// catalog checks the definitions. A folder without log needs none.
func (c *Checker) catalog() error {
	part := Part{Part: "catalog", Files: 1}
	name := c.path("catalog.db")
	st, err := c.fs.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		if len(c.allShards()) > 0 {
			c.damaged(&part, Damage{File: "catalog.db", What: "missing"})
		}
		part.Files = 0
		c.report.Parts = append(c.report.Parts, part)
		return nil
	}
	if err != nil {
		return fmt.Errorf("check catalog: %w", err)
	}
	part.Bytes = st.Size()
	part.Definitions, err = catalog.Verify(name, func(err error) {
		c.damaged(&part, Damage{File: "catalog.db", What: err.Error()})
	})
	if err != nil {
		return fmt.Errorf("check catalog: %w", err)
	}
	c.report.Parts = append(c.report.Parts, part)
	return nil
}

// shard checks the log of a shard and its compacted files, which share positions.
func (c *Checker) shard(shard string) error {
	refs := newReferences()
	if err := c.log(shard, refs); err != nil {
		return err
	}
	if err := c.files(shard, refs); err != nil {
		return err
	}
	c.references(shard, refs)
	return nil
}

// damaged adds a damage to the report and to its part.
func (c *Checker) damaged(p *Part, d Damage) {
	p.Damaged++
	if len(c.report.Damage) == MostDamage {
		c.report.Omitted++
		return
	}
	d.Part = p.Part
	c.report.Damage = append(c.report.Damage, d)
}

func (c *Checker) path(names ...string) string {
	return filepath.Join(append([]string{c.root}, names...)...)
}

// shards lists the shards that have a folder.
func (c *Checker) shards(folder string) (names []string) {
	entries, err := c.fs.ReadDir(c.path(folder))
	if err != nil {
		return nil // no folder, no shards
	}
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func (c *Checker) allShards() []string {
	names := append(c.shards("wal"), c.shards("store")...)
	slices.Sort(names)
	return slices.Compact(names)
}
