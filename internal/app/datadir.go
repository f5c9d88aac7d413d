package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"sluice/internal/vfs"
)

// formatVersion is the version of everything below the data folder. It grows
// when an older binary could not read what a newer one writes.
const formatVersion = 1

// dataDir is the layout of the data folder.
type dataDir struct {
	root string
	lock io.Closer
}

func (d dataDir) path(name string) string { return filepath.Join(d.root, name) }

// openDataDir makes the data folder, or takes one that this version can read,
// and locks it.
func openDataDir(fsys vfs.FS, root string) (dataDir, error) {
	d := dataDir{root: root}
	if err := fsys.MkdirAll(root); err != nil {
		return d, fmt.Errorf("make data folder: %w", err)
	}
	var err error
	if d.lock, err = fsys.Lock(d.path("LOCK")); err != nil {
		if errors.Is(err, vfs.ErrLocked) {
			return d, fmt.Errorf("data folder %s is in use by another sluice process: stop it, or give --data-dir another folder", root)
		}
		return d, fmt.Errorf("lock data folder: %w", err)
	}
	if err := d.checkFormat(fsys); err != nil {
		return dataDir{root: root}, errors.Join(err, d.lock.Close())
	}
	return d, nil
}

// checkFormat refuses the folder of a newer version and stamps a new one.
func (d dataDir) checkFormat(fsys vfs.FS) error {
	text, err := vfs.ReadFile(fsys, d.path("FORMAT"), 64)
	if errors.Is(err, fs.ErrNotExist) {
		return d.stamp(fsys)
	}
	if err != nil {
		return fmt.Errorf("read format version: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("data folder %s: FORMAT says %q, which is no version: is this a sluice data folder?", d.root, text)
	}
	if version > formatVersion {
		return fmt.Errorf("data folder %s has format %d and this binary knows formats up to %d: run the sluice version that wrote it, or a newer one", d.root, version, formatVersion)
	}
	return nil
}

func (d dataDir) stamp(fsys vfs.FS) error {
	if err := d.replace(fsys, "FORMAT", fmt.Appendln(nil, formatVersion)); err != nil {
		return fmt.Errorf("write format version: %w", err)
	}
	return nil
}

// replace writes a small file so that a crash leaves the old or the new one.
func (d dataDir) replace(fsys vfs.FS, name string, content []byte) error {
	temp := d.path(name + ".new")
	f, err := vfs.Create(fsys, temp)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, d.path(name)); err != nil {
		return err
	}
	return fsys.SyncDir(d.root)
}
