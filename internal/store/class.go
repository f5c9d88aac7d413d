package store

import "fmt"

// Class says how long a log group's events can be read back. All of them are
// durable when Append returns, are matched, and stay until what was selected of
// them is delivered; none of that depends on the class.
type Class uint8

// The classes.
const (
	// Compact keeps events in compacted files until they are deleted, expire or are
	// dropped by the disk budget.
	Compact Class = iota
	// WAL reads events back while they are in the log.
	WAL
	// None reads nothing back.
	None
)

func (c Class) String() string { return [...]string{"compact", "wal", "none"}[c] }

// ParseClass reads what String writes.
func ParseClass(text string) (Class, error) {
	for c := range None + 1 {
		if c.String() == text {
			return c, nil
		}
	}
	return Compact, fmt.Errorf("%q is none of compact, wal, none", text)
}

// class is that of a log group.
func (sh *Shard) class(group uint64) Class {
	if sh.cfg.Class == nil {
		return Compact
	}
	return sh.cfg.Class(group)
}
