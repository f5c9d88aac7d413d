package vfs

// Advised is a File that can be told how it will be read. Left alone a system
// guesses: where a disk is set up for it, a few reads in a row make it read eight
// MiB more, and who writes meanwhile waits for all of them.
type Advised interface {
	// ReadExactly has the system read what it is asked for, and nothing ahead of it.
	ReadExactly() error
	// Prefetch has n bytes from off on read meanwhile, for a ReadAt to come.
	Prefetch(off, n int64) error
}

// ReadExactly does what an Advised file does, and nothing with others.
func ReadExactly(f File) error {
	if a, ok := f.(Advised); ok {
		return a.ReadExactly()
	}
	return nil
}

// Prefetch does what an Advised file does, and nothing with others.
func Prefetch(f File, off, n int64) error {
	if a, ok := f.(Advised); ok {
		return a.Prefetch(off, n)
	}
	return nil
}
