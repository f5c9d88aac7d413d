package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"sluice/internal/vfs"
)

// LockDataDir locks the data folder of a server that is not running, for a
// command that looks at it, until the Closer is closed. A folder that is none,
// that is in use or that a newer version wrote is refused; nothing is stamped.
func LockDataDir(fsys vfs.FS, root string) (io.Closer, error) {
	d := dataDir{root: root}
	if _, err := fsys.Stat(d.path("FORMAT")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no data folder of sluice: it has no file FORMAT", root)
		}
		return nil, fmt.Errorf("look at data folder: %w", err)
	}
	lock, err := fsys.Lock(d.path("LOCK"))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("data folder %s is in use by a sluice process: stop it first, or look at a copy of the folder", root)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := d.checkFormat(fsys); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}
