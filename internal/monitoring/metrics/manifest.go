package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"sluice/internal/vfs"
)

// manifest says which files count, and up to where they hold what is in the
// logs. It is replaced as a whole.
type manifest struct {
	Version  int      `json:"version"`
	Sequence uint64   `json:"sequence"`
	Saved    []uint64 `json:"saved"` // by shard, the first position that is not in files
	Files    []file   `json:"files"`
}

// file is one file of samples.
type file struct {
	Name string `json:"name"`
	// Days are those that its samples begin in, ascending, counted from 1970.
	Days []int64 `json:"days"`
	// Day tells that it is the file of one day, which further checkpoints become
	// part of; else it is a checkpoint.
	Day   bool  `json:"day"`
	Bytes int64 `json:"bytes"`
	// Finest is the finest resolution, in seconds, that may be in it.
	Finest int64 `json:"finest"`

	layout *layout
}

const (
	manifestName    = "MANIFEST"
	manifestVersion = 1
	maxManifest     = 16 << 20
)

// overlaps tells whether samples of [from, to) may be in the file.
func (f file) overlaps(from, to int64) bool {
	first, last := dayOf(from), dayOf(to-1)
	i, _ := slices.BinarySearch(f.Days, first)
	return i < len(f.Days) && f.Days[i] <= last
}

// openFiles reads the manifest and removes what it does not list.
func (s *Store) openFiles() error {
	if err := vfs.MkdirAllSync(s.cfg.FS, s.cfg.Dir); err != nil {
		return err
	}
	m, err := s.readManifest()
	if err != nil {
		return err
	}
	if len(m.Saved) > len(s.saved) {
		return fmt.Errorf("%d shards are saved, not %d: their number can grow and not shrink", len(m.Saved), len(s.saved))
	}
	copy(s.saved, m.Saved)
	s.sequence = m.Sequence
	recent := dayOf(s.cfg.Clock.Now().Unix()) - int64(listedFor.Hours()/24) - 1
	for _, f := range m.Files {
		var names func([]byte, int64)
		if n := len(f.Days); n > 0 && f.Days[n-1] >= recent {
			names = s.noteSeen
		}
		if f.layout, err = openLayout(s.cfg.FS, s.path(f.Name), names); err != nil {
			return err
		}
		s.files = append(s.files, f)
	}
	return s.removeOthers()
}

// noteSeen makes a series of a file known.
func (s *Store) noteSeen(key []byte, seen int64) {
	if sr := s.of(key); sr != nil {
		sr.seen = max(sr.seen, seen)
	}
}

func (s *Store) readManifest() (manifest, error) {
	var m manifest
	b, err := vfs.ReadFile(s.cfg.FS, s.path(manifestName), maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrCorrupt, manifestName, err)
	}
	if m.Version != manifestVersion {
		return m, fmt.Errorf("%s has version %d, this program reads %d", manifestName, m.Version, manifestVersion)
	}
	return m, nil
}

// removeOthers removes what a crash left of writing files.
func (s *Store) removeOthers() error {
	entries, err := s.cfg.FS.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		known := e.Name() == manifestName || slices.ContainsFunc(s.files, func(f file) bool { return f.Name == e.Name() })
		if ours := strings.HasSuffix(e.Name(), fileSuffix) || e.Name() == manifestName+".tmp"; known || !ours {
			continue
		}
		if err := s.cfg.FS.Remove(s.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

const fileSuffix = ".metrics"

// writeManifest makes the files and positions count, at once. saving is held.
func (s *Store) writeManifest(m manifest) error {
	m.Version = manifestVersion
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	tmp := s.path(manifestName + ".tmp")
	f, err := vfs.Create(s.cfg.FS, tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// The files that it names are durable; their names must be before it is.
	if err := s.cfg.FS.SyncDir(s.cfg.Dir); err != nil {
		return err
	}
	if err := s.cfg.FS.Rename(tmp, s.path(manifestName)); err != nil {
		return err
	}
	return s.cfg.FS.SyncDir(s.cfg.Dir)
}
