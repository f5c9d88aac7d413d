package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// disk is a file that was written and synced to its end: what is measured is the
// way of a block to the disk alone, neither extents nor lengths.
type disk struct {
	file  *os.File
	block []byte
	took  *hdrhistogram.Histogram
}

const diskBlocks = 64

// newDisk makes a file for blocks of a size.
func newDisk(dir string, size int) (*disk, error) {
	f, err := os.OpenFile(filepath.Join(dir, "probe"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	d := &disk{file: f, block: make([]byte, size), took: newHistogram()}
	rand.NewChaCha8([32]byte{}).Read(d.block)
	for i := range diskBlocks {
		if _, err := f.WriteAt(d.block, int64(i*size)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// probe writes and syncs n blocks, as many a second.
func (d *disk) probe(ctx context.Context, n int, perSecond float64) error {
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		from := time.Now()
		if _, err := d.file.WriteAt(d.block, int64(i%diskBlocks*len(d.block))); err != nil {
			return err
		}
		if err := syncContent(d.file); err != nil {
			return err
		}
		if err := d.took.RecordValue(max(1, time.Since(from).Microseconds())); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) close() error { return errors.Join(d.file.Close(), os.Remove(d.file.Name())) }
