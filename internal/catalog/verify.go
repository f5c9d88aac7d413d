package catalog

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// Verify checks a catalog file that nobody has open, and changes nothing: its
// pages, and whether every definition can be read. It returns how many there
// are. visit hears what is damaged; the error says that the file could not be
// looked at.
func Verify(path string, visit func(error)) (definitions int, err error) {
	size, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("verify catalog: %w", err)
	}
	err = survive(func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, ReadOnly: true, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return err
		}
		defer db.Close() // only read
		return db.View(func(tx *bbolt.Tx) error {
			if tx.Size() > size.Size() { // bbolt would fault on what is missing
				return fmt.Errorf("%w: file of %d bytes is cut short, %d were written", errDamaged, size.Size(), tx.Size())
			}
			// Pages come second: bbolt checks them on a goroutine of its own, where
			// nobody could survive a fault that a wild page number makes.
			if definitions, err = checkDefinitions(tx, visit); err == nil {
				checkPages(tx, visit)
			}
			return err
		})
	})
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, bbolt.ErrTimeout):
		return 0, fmt.Errorf("verify catalog: %w", err)
	case err != nil:
		visit(err)
	}
	return definitions, nil
}

// checkPages reports up to mostPages pages: after the first the rest follows.
func checkPages(tx *bbolt.Tx, visit func(error)) {
	const mostPages = 20
	found := 0
	for err := range tx.Check() { // to its end: the other side is a goroutine
		if found++; found <= mostPages {
			visit(err)
		}
	}
}

// checkDefinitions reads each definition as Open would.
func checkDefinitions(tx *bbolt.Tx, visit func(error)) (n int, err error) {
	c, err := Open(NewMemory())
	if err != nil {
		return 0, err
	}
	for _, b := range buckets {
		bucket := tx.Bucket([]byte(b))
		if bucket == nil {
			continue // made by the next Open
		}
		err := bucket.ForEach(func(key, value []byte) error {
			n++
			if err := c.load(b, key, value); err != nil {
				visit(err)
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
