package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// file is one file that is followed. Its identity is device and inode together
// with the text around its cursor; its path is where it was seen last.
type file struct {
	id     FileID
	path   string
	origin string // its path when it was met: copies made of it are named after this
	stream string

	fd     *os.File // nil while there is nothing to read
	cursor cursor   // how far it is read; valid once located
	// located is false for a file of the state until its mark was found in it.
	located bool
	mark    Mark // where to locate it

	life        int  // how often it was truncated
	acked       Mark // how far it is acknowledged in this life
	outstanding int  // ranges that are read and not acknowledged

	size    int64 // as last seen
	changed time.Time
	written time.Time // the file's own time of its last write, as last seen
	checked bool      // nothing happened to it since the last look
	// quiet is when the text behind the cursor, which ends no record, last grew.
	quiet   time.Time
	gone    time.Time // when no pattern found it any more; zero while one does
	rests   bool      // read to its end and let go; kept to be known again
	deleted bool      // it has no name any more
	stuck   bool      // the text behind the cursor ends no record
}

// unread is how much of the file nobody acknowledged, as far as it was seen.
func (f *file) unread() int64 { return max(0, f.size-f.acked.Offset) }

func (f *file) close() {
	if f.fd != nil {
		f.fd.Close()
		f.fd = nil
	}
}

// open opens the file at its path if it is still the same there. It reports
// false when another file has taken the path.
func (f *file) open() (bool, error) {
	if f.fd != nil {
		return true, nil
	}
	fd, err := os.Open(f.path)
	if err != nil {
		return false, err
	}
	about, err := fd.Stat()
	if err != nil {
		fd.Close()
		return false, err
	}
	if id, _ := identify(about); id != f.id {
		fd.Close()
		return false, nil
	}
	f.fd = fd
	return true, nil
}

// place finds the mark of a file that was opened anew. It reports false when the
// file's text is another one by now.
func (f *file) place() bool {
	if f.located {
		return true
	}
	c, ok := locate(f.fd, f.mark)
	if ok {
		f.cursor, f.located = c, true
	}
	return ok
}

// restart reads the file from its beginning: its text is new.
func (f *file) restart() {
	f.cursor, f.located = cursor{}, true
	f.acked = f.cursor.mark()
	f.life++
	f.size, f.quiet = 0, time.Time{}
	f.checked = false
}

// look sees how the file stands. replaced says that the text before the cursor
// is not what it was; deleted, that the file has no name any more.
func (f *file) look(now time.Time) (replaced, deleted bool, err error) {
	about, err := f.fd.Stat()
	if err != nil {
		return false, false, fmt.Errorf("look at %s: %w", f.path, err)
	}
	_, links := identify(about)
	size, written := about.Size(), about.ModTime()
	f.checked = size == f.size && written.Equal(f.written)
	if f.checked {
		return false, links == 0, nil
	}
	if size < f.cursor.offset || !f.cursor.inPlace(f.fd) {
		return true, links == 0, nil // size stays what was seen of the text that is gone
	}
	if size != f.size || f.quiet.IsZero() {
		f.quiet = now
	}
	f.size, f.written, f.changed = size, written, now
	return false, links == 0, f.cursor.look(f.fd, size)
}

// glance makes sure that the first bytes of the file are known, if it has any: a
// file that got its first text since the last look may have a copy already.
func (f *file) glance() error {
	if len(f.cursor.head) > 0 {
		return nil
	}
	ok, err := f.open()
	if errors.Is(err, fs.ErrNotExist) || !ok && err == nil {
		return nil // it is not there any more, and nothing of it was read
	}
	if err != nil {
		return err
	}
	about, err := f.fd.Stat()
	if err != nil {
		return err
	}
	return f.cursor.look(f.fd, about.Size())
}

// read fills the buffer from the cursor on, and makes sure that what it read is
// the text behind the cursor. A file truncated meanwhile gives nothing.
func (f *file) read(buffer []byte) ([]byte, error) {
	n, err := f.fd.ReadAt(buffer, f.cursor.offset)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	if n == 0 || !f.cursor.inPlace(f.fd) {
		f.checked = false
		f.written = time.Time{} // look again, closely
		return nil, nil
	}
	return buffer[:n], nil
}

// state is what is kept of the file.
func (f *file) state() FileState {
	s := FileState{File: f.id, Path: f.path, Origin: f.origin, Stream: f.stream, Size: f.size, Mark: f.acked}
	if !f.gone.IsZero() {
		s.Gone = f.gone.UnixMilli()
	}
	return s
}
