package vfs

import "path/filepath"

// MkdirAllSync makes a directory with its parents and makes their names durable,
// which MkdirAll alone does not.
func MkdirAllSync(fsys FS, name string) error {
	if err := fsys.MkdirAll(name); err != nil {
		return err
	}
	for dir := filepath.Clean(name); ; {
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil
		}
		if err := fsys.SyncDir(parent); err != nil {
			return err
		}
		dir = parent
	}
}
