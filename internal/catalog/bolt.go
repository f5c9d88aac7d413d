package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// lockWait is how long OpenBolt waits for another process to let the file go.
const lockWait = time.Second

// ErrClosed says that the store takes no more changes: it was closed, or a
// commit failed and nobody knows what reached the disk.
var ErrClosed = errors.New("catalog is closed for changes")

// Bolt is a Store in one bbolt file. While one commit is at the disk the next
// ones gather, and then go together: bbolt's own Batch would make a lone change
// wait for a timer.
type Bolt struct {
	db *bbolt.DB

	mu      sync.Mutex
	waiting *commit // collects; nil when no commit waits
	busy    bool    // a commit is at the disk
	err     error   // why no change is taken any more
}

// commit is the changes of several callers that go to the disk together.
type commit struct {
	changes []Change
	done    chan struct{} // closed when err is final
	lead    chan struct{} // closed when the first caller may write it
	err     error
}

// OpenBolt opens a file, or makes it.
func OpenBolt(path string) (*Bolt, error) {
	var db *bbolt.DB
	err := survive(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := survive(func() error { return prepare(db) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), survive(db.Close))
	}
	return &Bolt{db: db}, nil
}

// survive runs a step over a file that may be damaged, where bbolt panics or
// faults, and makes an error of it. What bbolt held stays open then: the process
// is about to give up.
func survive(step func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	return step()
}

// prepare makes the buckets that are missing, and the file's name durable.
func prepare(db *bbolt.DB) error {
	complete := true
	err := db.View(func(tx *bbolt.Tx) error {
		for _, b := range buckets {
			complete = complete && tx.Bucket([]byte(b)) != nil
		}
		return nil
	})
	if err != nil || complete {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(db.Path()))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Load implements Store.
func (s *Bolt) Load(visit func(b Bucket, key, value []byte) error) error {
	at := Bucket("")
	err := survive(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			for _, at = range buckets {
				err := tx.Bucket([]byte(at)).ForEach(func(key, value []byte) error {
					return visit(at, key, value)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if errors.Is(err, errDamaged) {
		return &CorruptError{Bucket: at, Err: err}
	}
	return err
}

// Commit implements Store.
func (s *Bolt) Commit(changes []Change) error {
	c, first := s.join(changes)
	switch {
	case c == nil:
		return s.closedBy()
	case !first:
		<-c.done
		return c.err
	}
	<-c.lead
	if c.err = s.begin(); c.err == nil {
		c.err = survive(func() error { return s.write(c.changes) })
	}
	s.end(c)
	return c.err
}

// begin closes the commit that gathers: whoever comes now is in the next one.
func (s *Bolt) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = nil
	return s.err
}

// end lets the next commit begin and the callers of this one go.
func (s *Bolt) end(c *commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.err != nil && !full(c.err) && s.err == nil {
		s.err = fmt.Errorf("%w after %w", ErrClosed, c.err)
	}
	if s.busy = s.waiting != nil; s.busy {
		close(s.waiting.lead)
	}
	close(c.done)
}

// join adds changes to the commit that gathers, and tells whether the caller is
// its first and therefore writes it. A nil commit says that the store is closed.
func (s *Bolt) join(changes []Change) (c *commit, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, false
	}
	if s.waiting != nil {
		s.waiting.changes = append(s.waiting.changes, changes...)
		return s.waiting, false
	}
	s.waiting = &commit{changes: changes, done: make(chan struct{}), lead: make(chan struct{})}
	if !s.busy {
		s.busy = true
		close(s.waiting.lead)
	}
	return s.waiting, true
}

func (s *Bolt) closedBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Bolt) write(changes []Change) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, ch := range changes {
			if err := apply(tx.Bucket([]byte(ch.Bucket)), ch); err != nil {
				return fmt.Errorf("write %s %q: %w", ch.Bucket, ch.Key, err)
			}
		}
		return nil
	})
}

func apply(b *bbolt.Bucket, ch Change) error {
	switch {
	case !ch.Prefix && ch.Value == nil:
		return b.Delete(ch.Key)
	case !ch.Prefix:
		return b.Put(ch.Key, ch.Value)
	}
	// Seek anew after each deletion: a cursor may skip a key behind one it deleted.
	cursor := b.Cursor()
	for key, _ := cursor.Seek(ch.Key); bytes.HasPrefix(key, ch.Key) && key != nil; key, _ = cursor.Seek(ch.Key) {
		if err := cursor.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// full tells of a disk without room. What counts in a bbolt file is which of two
// pages at its beginning is the newer one, and these have their blocks from the
// start; so the room ran out before anything changed, and a later commit may
// succeed.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Close implements Store.
func (s *Bolt) Close() error {
	s.mu.Lock()
	if s.err == nil {
		s.err = ErrClosed
	}
	s.mu.Unlock()
	return s.db.Close() // waits for the commit at the disk
}
