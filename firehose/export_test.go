package firehose

// Position is that of a route's lane, for tests.
func (s *State) Position(route uint64) uint64 { return s.at(route).position }
