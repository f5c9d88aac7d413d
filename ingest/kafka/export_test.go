package kafka

import "time"

// SetHeartbeat replaces the interval of heartbeats, so that a member can be made
// to miss that it was replaced.
func (s *Source) SetHeartbeat(d time.Duration) { s.heartbeat = d }
