package store

import "slices"

// Disk says what a store takes on disk and what became of what left it.
type Disk struct {
	LogBytes  int64 // of the log's segments
	Files     int   // compacted files
	FileBytes int64
	TextBytes int64 // of the events in them, uncompressed
	Full      bool  // the disk budget is used up: what clients send is refused
	Damages   uint64
	// Removed counts events that left the disk over the store's whole life, by
	// reason: Deleted, Expired, Dropped, OptedOut.
	Removed map[Reason]Amount
	Work    Work
}

// Disk measures the store.
func (s *Store) Disk() Disk {
	d := Disk{Full: s.room.full.Load(), Removed: map[Reason]Amount{Deleted: {}, Expired: {}, Dropped: {}, OptedOut: {}}}
	for _, sh := range s.shards {
		d.LogBytes += sh.log.DiskBytes()
		sh.files.mu.Lock()
		d.Files += len(sh.files.list)
		d.Damages += sh.files.damages
		for _, k := range sh.files.list {
			d.FileBytes += k.size
			d.TextBytes += k.stats.TextBytes
		}
		sh.files.mu.Unlock()
		sh.dropped.mu.Lock()
		for i, sum := range sh.dropped.sums {
			of := d.Removed[Reason(i+1)]
			d.Removed[Reason(i+1)] = Amount{of.Events + sum.Events, of.Bytes + sum.Bytes}
		}
		sh.dropped.mu.Unlock()
		w := sh.work.sum()
		d.Work.Compacted += w.Compacted
		d.Work.Merged += w.Merged
		d.Work.Written += w.Written
		d.Work.Seconds += w.Seconds
	}
	return d
}

// Dropped lists the ranges of a shard's positions that the disk budget dropped,
// oldest first.
func (s *Store) Dropped(shard uint32) []DroppedRange {
	d := s.shards[shard].dropped
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.ranges)
}

// OptedOut lists the ranges of a shard's positions of which something left the
// disk because its log group is not kept, and what that was, oldest first. More
// than 64 are summed up in the first.
func (s *Store) OptedOut(shard uint32) []DroppedRange {
	d := s.shards[shard].dropped
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.optedOut)
}
