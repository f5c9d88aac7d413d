package exporttask

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"sluice/internal/vfs"
)

// object is one object of a task, as the journal and the manifest tell of it.
type object struct {
	Key     string `json:"key"`
	Size    int64  `json:"size"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"` // before the codec
	Hash    string `json:"xxh64"` // of those bytes
}

// note is a line of the journal: an object that was put, or a folder that is done.
type note struct {
	Folder string  `json:"folder"`
	Object *object `json:"object,omitempty"`
	// Stream and Next are where the object after this one begins.
	Stream string `json:"stream,omitempty"`
	Next   cursor `json:"next,omitzero"`
	Done   bool   `json:"done,omitempty"`
	// Events of the folder in all, in the note that says it is done.
	Events int64 `json:"events,omitempty"`
}

// mark is where a folder stands.
type mark struct {
	objects int
	stream  string // "" for the first
	next    cursor
	done    bool
}

// journal notes what a task has put. It saves work after a crash and nothing
// else: an object that it has lost is made again and found to be there. Lines
// that did not reach the disk in time are therefore no harm, and it is synced
// from time to time only.
type journal struct {
	fsys vfs.FS
	path string

	mu      sync.Mutex // guards what follows
	file    vfs.File
	end     int64
	unsaved int
	marks   map[string]mark
	objects []object
}

// syncEvery is how many notes may be lost in a crash.
const syncEvery = 16

const journalExtension = ".jsonl"

// maxJournal bounds what is read back: more than any task writes.
const maxJournal = 1 << 30

// openJournal reads what is there and goes on behind it.
func openJournal(fsys vfs.FS, dir, id string) (*journal, error) {
	if err := vfs.MkdirAllSync(fsys, dir); err != nil {
		return nil, fmt.Errorf("make export folder: %w", err)
	}
	j := &journal{fsys: fsys, path: filepath.Join(dir, id+journalExtension), marks: map[string]mark{}}
	text, err := vfs.ReadFile(fsys, j.path, maxJournal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read export journal: %w", err)
	}
	for line := range bytes.Lines(text) {
		var n note
		if line[len(line)-1] != '\n' || json.Unmarshal(line, &n) != nil {
			break // torn by a crash: what follows is not trusted either
		}
		j.take(n)
		j.end += int64(len(line))
	}
	if j.file, err = fsys.OpenFile(j.path, os.O_RDWR|os.O_CREATE); err != nil {
		return nil, fmt.Errorf("open export journal: %w", err)
	}
	if err := errors.Join(j.file.Truncate(j.end), fsys.SyncDir(dir)); err != nil {
		return nil, fmt.Errorf("open export journal: %w", errors.Join(err, j.file.Close()))
	}
	return j, nil
}

func (j *journal) take(n note) {
	m := j.marks[n.Folder]
	if n.Object != nil {
		m.objects++
		m.stream, m.next = n.Stream, n.Next
		j.objects = append(j.objects, *n.Object)
	}
	m.done = m.done || n.Done
	j.marks[n.Folder] = m
}

func (j *journal) mark(folder string) mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.marks[folder]
}

// write notes one thing.
func (j *journal) write(n note) error {
	line, err := json.Marshal(n)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.WriteAt(line, j.end); err != nil {
		return fmt.Errorf("write export journal: %w", err)
	}
	j.end += int64(len(line))
	j.take(n)
	if j.unsaved++; j.unsaved < syncEvery {
		return nil
	}
	j.unsaved = 0
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write export journal: %w", err)
	}
	return nil
}

// progress sums up what was noted.
func (j *journal) progress(p *Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p.Objects, p.Events, p.Bytes, p.ObjectBytes = int64(len(j.objects)), 0, 0, 0
	for _, o := range j.objects {
		p.Events += o.Records
		p.Bytes += o.Bytes
		p.ObjectBytes += o.Size
	}
}

// sorted lists the objects by key.
func (j *journal) sorted() []object {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := slices.Clone(j.objects)
	slices.SortFunc(list, func(a, b object) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	return list
}

func (j *journal) close() error { return j.file.Close() }

// remove takes the name of a journal that is not needed any more.
func (j *journal) remove() error { return j.fsys.Remove(j.path) }
