package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	stateVersion = 1
	stateName    = "agent.json"
	lockName     = "LOCK"
)

// FileID is what a file system knows a file by while it exists.
type FileID struct {
	Device uint64 `json:"dev"`
	Inode  uint64 `json:"ino"`
}

// State is all that survives a crash.
type State struct {
	Version      int         `json:"version"`
	LogGroupName string      `json:"logGroupName"`
	Shape        Shape       `json:"shape"` // that the pending batches were made with
	Files        []FileState `json:"files"`
	Pending      []Pending   `json:"pending"`
}

// FileState is how far a file is acknowledged.
type FileState struct {
	File   FileID `json:"file"`
	Path   string `json:"path"`
	Origin string `json:"origin"` // the path it had when it was met
	Stream string `json:"stream"`
	Size   int64  `json:"size"` // as last seen
	Mark   Mark   `json:"mark"`
	// Gone is when the patterns stopped finding the file, ms; 0 while they do.
	Gone int64 `json:"gone,omitempty"`
}

// Pending is a batch that may have been sent and was not acknowledged.
type Pending struct {
	Stream     string  `json:"stream"`
	Invocation string  `json:"invocation"`
	Sum        uint64  `json:"xxh64"` // of the request's body
	Ranges     []Range `json:"ranges"`
}

// ErrLocked says that another agent works with the same state.
var ErrLocked = errors.New("another agent uses this state folder: give each its own with --state")

// stateFolder is the open, locked home of the state.
type stateFolder struct {
	path string
	lock *os.File
	// step is called between the steps of a save; tests crash there.
	step func(name string) error
}

func openStateFolder(path string) (*stateFolder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	// The lock goes with the descriptor, so also with a process that was killed.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &stateFolder{path: path, lock: lock}, nil
}

func (f *stateFolder) close() { f.lock.Close() }

// load returns the state, nil when there is none yet. What cannot be read is an
// error: beginning anew would send everything again.
func (f *stateFolder) load() (*State, error) {
	name := filepath.Join(f.path, stateName)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeState(name, text)
}

func decodeState(name string, text []byte) (*State, error) {
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read %s: %w; move it away to send all files from their beginning", name, err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("read %s: version %d, and this sluice knows %d", name, s.Version, stateVersion)
	}
	return &s, nil
}

// save replaces the state: a crash leaves the old one or the new one.
func (f *stateFolder) save(s *State) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	name := filepath.Join(f.path, stateName)
	temporary := name + ".new"
	if err := f.crash("save: begin"); err != nil {
		return err
	}
	if err := writeSynced(temporary, text); err != nil {
		return err
	}
	if err := f.crash("save: written"); err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	if err := f.crash("save: renamed"); err != nil {
		return err
	}
	return syncFolder(f.path)
}

func (f *stateFolder) crash(name string) error {
	if f.step == nil {
		return nil
	}
	return f.step(name)
}

func writeSynced(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// identify tells a file's identity and how many names it has.
func identify(about fs.FileInfo) (id FileID, links uint64) {
	s, ok := about.Sys().(*syscall.Stat_t)
	if !ok {
		return FileID{}, 1
	}
	return FileID{uint64(s.Dev), s.Ino}, uint64(s.Nlink)
}
