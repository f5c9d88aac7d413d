package objput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/clock"
	"sluice/internal/vfs"
)

// registerLock keeps the writers of a bucket's registers apart, in this process
// and in others on the machine.
const registerLock = metaFolder + "/registers.lock"

// ReadRegister implements Registers. A tag is a hash of the value.
func (f *Folder) ReadRegister(_ context.Context, bucket, key string) ([]byte, string, error) {
	p, err := f.paths(bucket, key)
	var value []byte
	if err == nil {
		value, err = f.readRegister(p)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read register %s/%s: %w", bucket, key, classify(err))
	}
	return value, valueTag(value), nil
}

func (f *Folder) readRegister(p paths) ([]byte, error) {
	file, err := f.open(p)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read
	value, err := io.ReadAll(io.LimitReader(file, maxRegister+1))
	if err == nil && len(value) > maxRegister {
		err = fmt.Errorf("%w: more than %d bytes are no register", ErrRefused, maxRegister)
	}
	return value, err
}

func valueTag(value []byte) string { return hashText(xxhash.Sum64(value)) }

// SwapRegister implements Registers: a temp file, synced, is renamed over the
// register while a lock is held.
func (f *Folder) SwapRegister(ctx context.Context, bucket, key, tag string, value []byte) (string, error) {
	p, err := f.paths(bucket, key)
	if err == nil && len(value) > maxRegister {
		err = fmt.Errorf("%w: register of %d bytes", ErrRefused, len(value))
	}
	if err == nil {
		err = f.swap(ctx, p, tag, value)
	}
	if err != nil {
		return "", fmt.Errorf("swap register %s/%s: %w", bucket, key, classify(err))
	}
	return valueTag(value), nil
}

func (f *Folder) swap(ctx context.Context, p paths, tag string, value []byte) error {
	if err := f.makeDir(path.Dir(p.object)); err != nil {
		return err
	}
	unlock, err := f.lockRegisters(ctx, p)
	if err != nil {
		return err
	}
	defer unlock.Close() // the process's end would do
	old, err := f.readRegister(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if tag != "" {
			return ErrChanged
		}
	case err != nil:
		return err
	case valueTag(old) != tag:
		return ErrChanged
	}
	temp, _, err := f.writeTemp(ctx, p, Object{Body: bytes.NewReader(value), Size: int64(len(value))})
	if err != nil {
		return err
	}
	if err := f.fs.Rename(temp, p.object); err != nil {
		return errors.Join(err, f.fs.Remove(temp))
	}
	return f.fs.SyncDir(path.Dir(p.object))
}

// lockRegisters waits for the lock: it is held for one small write at a time.
func (f *Folder) lockRegisters(ctx context.Context, p paths) (io.Closer, error) {
	if err := f.makeDir(path.Join(p.bucket, metaFolder)); err != nil {
		return nil, err
	}
	for {
		lock, err := f.fs.Lock(path.Join(p.bucket, registerLock))
		if !errors.Is(err, vfs.ErrLocked) {
			return lock, err
		}
		if err := (clock.Machine{}).Sleep(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// ListRegisters implements Registers.
func (f *Folder) ListRegisters(ctx context.Context, bucket, prefix string, visit func(key, tag string) error) error {
	return f.List(ctx, bucket, prefix, func(o Listed) error {
		_, tag, err := f.ReadRegister(ctx, bucket, o.Key)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return visit(o.Key, tag)
	})
}
