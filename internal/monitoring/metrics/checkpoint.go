package metrics

import (
	"fmt"
	"slices"
)

// Checkpoint takes in what is durable and writes what is in memory to a file, so
// that the logs are not needed for it any more, merges files where there are many
// and lets old samples become coarser.
func (s *Store) Checkpoint() error {
	if err := s.CatchUp(); err != nil {
		return err
	}
	return s.checkpoint()
}

func (s *Store) checkpoint() error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if err := s.save(); err != nil {
		return fmt.Errorf("checkpoint metrics: %w", err)
	}
	if err := s.tidy(); err != nil {
		return fmt.Errorf("merge metrics: %w", err)
	}
	return nil
}

// frozen is what a checkpoint writes: the state of one moment.
type frozen struct {
	keys     []string
	saved    []uint64
	files    []file
	sequence uint64
	moved    bool // a position is new
}

// freeze takes what is in memory aside; queries still see it.
func (s *Store) freeze() frozen {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := frozen{saved: slices.Clone(s.applied), files: s.files, moved: !slices.Equal(s.applied, s.saved)}
	stale := s.cfg.Clock.Now().Add(-listedFor).Unix()
	for key, sr := range s.series {
		if len(sr.buckets) > 0 {
			sr.frozen = append(sr.frozen, sr.buckets...) // more than none after a failure
			sr.buckets = nil
		}
		if len(sr.frozen) > 0 {
			f.keys = append(f.keys, key)
		} else if sr.seen < stale {
			delete(s.series, key)
		}
	}
	s.sequence++
	f.sequence = s.sequence
	s.weight, s.passed = 0, 0
	return f
}

// save makes what is in memory a file. After an error it is still in memory.
func (s *Store) save() error {
	f := s.freeze()
	if !f.moved && len(f.keys) == 0 {
		return nil
	}
	if len(f.keys) > 0 {
		added, err := s.writeFrozen(f)
		if err != nil {
			return err
		}
		f.files = append(slices.Clone(f.files), added)
	}
	if err := s.writeManifest(manifest{Sequence: f.sequence, Saved: f.saved, Files: f.files}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range f.keys {
		s.series[key].frozen = nil
	}
	s.files, s.saved = f.files, f.saved
	for shard, saved := range f.saved {
		s.unsaved[shard] = s.unsaved[shard] && s.applied[shard] > saved
	}
	return nil
}

func (s *Store) writeFrozen(f frozen) (file, error) {
	slices.Sort(f.keys)
	name := fmt.Sprintf("%020d%s", f.sequence, fileSuffix)
	w, err := create(s.cfg.FS, s.path(name))
	if err != nil {
		return file{}, err
	}
	now := s.cfg.Clock.Now().Unix()
	for _, key := range f.keys {
		s.mu.RLock()
		buckets := s.series[key].frozen // appended to by freeze only, which saving keeps out
		s.mu.RUnlock()
		kept := combine(slices.Clone(buckets), now)
		if err := w.add(key, newest(kept), kept); err != nil {
			w.discard()
			return file{}, err
		}
	}
	return s.seal(w, name, resHigh)
}

// seal finishes a file and opens it.
func (s *Store) seal(w *writer, name string, finest int64) (file, error) {
	bytes, err := w.finish()
	if err != nil {
		w.discard()
		return file{}, err
	}
	f := file{Name: name, Days: w.days, Bytes: bytes, Finest: finest}
	f.layout, err = openLayout(s.cfg.FS, s.path(name), nil)
	return f, err
}

func newest(buckets []bucket) int64 {
	var seen int64
	for i := range buckets {
		seen = max(seen, buckets[i].start)
	}
	return seen
}

// combine orders buckets by time and merges those of one period, which is as
// coarse as their age asks for. It changes the slice, and nothing that its
// elements share with others.
func combine(buckets []bucket, now int64) []bucket {
	kept := buckets[:0]
	for _, b := range buckets {
		age := now - b.start
		if age > keptFor {
			continue
		}
		if res := keptAt(age); res > int64(b.res) {
			b.res, b.start = int32(res), floor(b.start, res)
		}
		kept = append(kept, b)
	}
	slices.SortStableFunc(kept, func(a, b bucket) int {
		if a.start != b.start {
			return cmpInt(a.start, b.start)
		}
		return int(a.res - b.res)
	})
	out := kept[:0]
	owned := false // the last one's pairs are its own
	for i := range kept {
		b := kept[i]
		if n := len(out); n > 0 && out[n-1].start == b.start && out[n-1].res == b.res {
			if !owned {
				out[n-1].pairs, owned = slices.Clone(out[n-1].pairs), true
			}
			out[n-1].digest.merge(&b.digest)
			continue
		}
		out, owned = append(out, b), false
	}
	return out
}

func cmpInt(a, b int64) int {
	if a < b {
		return -1
	}
	return 1
}
