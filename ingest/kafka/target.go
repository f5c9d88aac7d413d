package kafka

import "sluice/internal/catalog"

// target is a log stream that events go to.
type target struct {
	group  catalog.LogGroup
	stream catalog.LogStream
}

// resolve finds the log group and stream of the names, and makes what is missing:
// also when somebody deleted it meanwhile.
func (s *Source) resolve(groupName, streamName string) (target, error) {
	g, st, err := catalog.Ensure(s.links.Definitions, s.cfg.Scope, groupName, streamName, s.links.Clock.Now().UnixMilli())
	return target{g, st}, err
}
