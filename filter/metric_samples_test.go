package filter

import "testing"

// TestGuardsAreForgotten: what a filter made in an hour is not remembered when
// there is no such filter any more.
func TestGuardsAreForgotten(t *testing.T) {
	s := sampler{limit: 2}
	f := func(filter uint64, hour int64, key string, want bool, guards int) {
		t.Helper()
		s.key = append(s.key[:0], key...)
		if got := s.admit(filter, hour); got != want || len(s.guards) != guards {
			t.Errorf("%s of filter %d in hour %d: %v, %d guards", key, filter, hour, got, len(s.guards))
		}
	}
	f(1, 7, "a", true, 1)
	f(1, 7, "b", true, 1)
	f(1, 7, "c", false, 1)
	f(1, 7, "a", true, 1)
	f(2, 7, "a", true, 2)
	f(2, 8, "a", true, 1)
	f(1, 8, "c", true, 2)
	f(1, 7, "d", true, 2) // a batch that came late counts for the hour at hand
	f(1, 7, "e", false, 2)
}
