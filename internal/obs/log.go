package obs

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
)

// NewLogger writes records of at least the given level (debug, info, warn or
// error) to w: as text when w is a terminal, as JSON lines otherwise.
func NewLogger(w io.Writer, level string) (*slog.Logger, error) {
	least, err := ParseLevel(level)
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: least}
	if IsTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}

// ParseLevel knows the four levels by name.
func ParseLevel(name string) (slog.Level, error) {
	switch name {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log level %q is not one of debug, info, warn, error", name)
}

// IsTerminal reports whether somebody may be looking at w. A character device
// is taken for a terminal; /dev/null is one too, where the form does not matter.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	about, err := file.Stat()
	return err == nil && about.Mode()&fs.ModeCharDevice != 0
}
