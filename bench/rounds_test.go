package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMiddle: each row is the middle one of its rounds, of which the last may have
// ended early; shares of stages are those of their rounds.
func TestMiddle(t *testing.T) {
	of := func(stage float64, paths ...Path) round {
		return round{stages: []Stage{{"log", stage}}, paths: paths}
	}
	path := func(name string, cpu, share float64) Path {
		return Path{Name: name, CPUSecondsPerGB: cpu, MBPerCPUSecond: 1000 / cpu, OfStages: share}
	}
	stages, paths := middle([]round{
		of(3, path("a", 8, 0.5), path("b", 2, 0.9)),
		of(1, path("a", 4, 0.8), path("b", 1, 0.8)),
		of(2, path("a", 5, 0.4)),
	})
	if diff := cmp.Diff([]Stage{{"log", 2}}, stages); diff != "" {
		t.Error(diff)
	}
	a, b := path("a", 5, 0.5), path("b", 2, 0.9)
	a.StagesMBPerCPUSecond, b.StagesMBPerCPUSecond = 200/0.5, 500/0.9
	if diff := cmp.Diff([]Path{a, b}, paths); diff != "" {
		t.Error(diff)
	}
}
