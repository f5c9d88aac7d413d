package bench

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// round is one measurement of all stages and then of all paths. A machine that
// others use changes from minute to minute: stages and paths are measured in turns.
type round struct {
	stages []Stage
	paths  []Path
}

// mostWarm is how many requests a path takes before they count: a server that has
// just begun touches all its memory for the first time, which a machine pays for once.
const mostWarm = 100

// measureRound measures once. What it has when something fails it returns, too.
func measureRound(ctx context.Context, o Options, dir string, l *load) (r round, err error) {
	o.Progress("measuring stages")
	if r.stages, err = measureStages(ctx, o, filepath.Join(dir, "stages"), l); err != nil {
		return r, fmt.Errorf("measure stages: %w", err)
	}
	for _, name := range o.Paths {
		o.Progress("measuring " + name)
		w, err := parseWay(name)
		if err != nil {
			return r, err
		}
		sc := newScene(o, w)
		if !sc.compaction { // which would be counted for the warm-up, too
			sc.warm = min(mostWarm, l.sends/2)
		}
		p, err := measurePath(ctx, o, filepath.Join(dir, strings.ReplaceAll(name, "/", "-")), sc, l)
		if err != nil {
			return r, fmt.Errorf("measure %s: %w", name, err)
		}
		p.compare(r.stages, o.Compaction)
		r.paths = append(r.paths, *p)
	}
	return r, nil
}

// middle has of each stage, and of each path, the round with the middle CPU time.
// What the stages are of a path is the middle of what the rounds found.
func middle(rounds []round) (stages []Stage, paths []Path) {
	stages = middles(rounds, func(r round) []Stage { return r.stages }, func(s Stage) float64 { return s.NanosPerByte })
	all := func(r round) []Path { return r.paths }
	paths = middles(rounds, all, func(p Path) float64 { return p.CPUSecondsPerGB })
	for i, p := range middles(rounds, all, func(p Path) float64 { return p.OfStages }) {
		paths[i].OfStages, paths[i].StagesMBPerCPUSecond = p.OfStages, paths[i].MBPerCPUSecond/p.OfStages
	}
	return stages, paths
}

// middles takes the rows that stand at the same place of each round, of which the
// last may have ended early, and has the middle one of each.
func middles[T any](rounds []round, rows func(round) []T, by func(T) float64) (out []T) {
	for i := range rows(rounds[0]) {
		var same []T
		for _, r := range rounds {
			if all := rows(r); i < len(all) {
				same = append(same, all[i])
			}
		}
		slices.SortFunc(same, func(a, b T) int { return cmp.Compare(by(a), by(b)) })
		out = append(out, same[len(same)/2])
	}
	return out
}
