package kafka

import (
	"errors"
	"fmt"

	"sluice/internal/catalog"
)

// target is a log stream that events go to.
type target struct {
	group  catalog.LogGroup
	stream catalog.LogStream
}

// resolve finds the log group and stream of the names, and makes what is missing:
// also when somebody deleted it meanwhile.
func (s *Source) resolve(groupName, streamName string) (target, error) {
	d := s.links.Definitions
	var t target
	var ok bool
	var err error
	if t.group, ok = d.Group(s.cfg.Scope, groupName); !ok {
		now := s.links.Clock.Now().UnixMilli()
		t.group, err = d.CreateLogGroup(catalog.LogGroup{Scope: s.cfg.Scope, Name: groupName, Class: standardClass, Created: now})
		if errors.Is(err, catalog.ErrExists) { // made by another partition meanwhile
			t.group, _ = d.Group(s.cfg.Scope, groupName)
			err = nil
		}
		if err != nil {
			return target{}, fmt.Errorf("create log group %s: %w", groupName, err)
		}
	}
	if t.stream, ok = d.Stream(t.group.UID, streamName); !ok {
		t.stream, err = d.CreateLogStream(t.group.UID, streamName, s.links.Clock.Now().UnixMilli())
		if errors.Is(err, catalog.ErrExists) {
			t.stream, _ = d.Stream(t.group.UID, streamName)
			err = nil
		}
		if err != nil {
			return target{}, fmt.Errorf("create log stream %s: %w", streamName, err)
		}
	}
	return t, nil
}

// standardClass is the class of log groups that sources make.
const standardClass = "STANDARD"
