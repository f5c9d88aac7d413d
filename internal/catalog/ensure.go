package catalog

import (
	"errors"
	"fmt"
)

// Definitions finds and makes log groups and streams; a *Catalog does.
type Definitions interface {
	Group(s Scope, name string) (LogGroup, bool)
	Stream(groupUID uint64, name string) (LogStream, bool)
	CreateLogGroup(g LogGroup) (LogGroup, error)
	CreateLogStream(groupUID uint64, name string, created int64) (LogStream, error)
}

// standardClass is the class of log groups that sources make.
const standardClass = "STANDARD"

// Ensure finds a log group and a stream of it, and makes what is missing, as of now
// in ms: what sources do that bring events in by themselves. Somebody else may make
// or delete either meanwhile.
func Ensure(d Definitions, s Scope, group, stream string, now int64) (g LogGroup, st LogStream, err error) {
	g, err = ensure(
		func() (LogGroup, bool) { return d.Group(s, group) },
		func() (LogGroup, error) {
			return d.CreateLogGroup(LogGroup{Scope: s, Name: group, Class: standardClass, Created: now})
		})
	if err != nil {
		return g, st, fmt.Errorf("create log group %s: %w", group, err)
	}
	st, err = ensure(
		func() (LogStream, bool) { return d.Stream(g.UID, stream) },
		func() (LogStream, error) { return d.CreateLogStream(g.UID, stream, now) })
	if err != nil {
		return g, st, fmt.Errorf("create log stream %s of %s: %w", stream, group, err)
	}
	return g, st, nil
}

func ensure[T any](find func() (T, bool), create func() (T, error)) (T, error) {
	if v, ok := find(); ok {
		return v, nil
	}
	v, err := create()
	if errors.Is(err, ErrExists) {
		if found, ok := find(); ok {
			return found, nil
		}
	}
	return v, err
}
