package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Curve is how a path behaves while one quantity grows.
type Curve struct {
	Name string `json:"name"`
	// Of is the quantity, with its unit.
	Of     string  `json:"of"`
	Points []Point `json:"points"`
}

// Point is one path, at one value of the quantity.
type Point struct {
	At float64 `json:"at"`
	Path
}

// curve says how to measure one.
type curve struct {
	name, of string
	at       []int
	// body is the size of requests where the quantity is another one; 0 is one event.
	body int
	// grouped tells that requests go to the log groups in turns.
	grouped bool
	// set makes the scene of a point, or its options.
	set func(at int, sc *scene, o *Options)
	// measure is measurePath for all but the backlog.
	measure func(ctx context.Context, o Options, dir string, sc *scene, l *load) (*Path, error)
}

// oneEvent is smaller than any event.
const oneEvent = 1

var curves = []curve{
	{name: "batch", of: "bytes of a request", at: []int{oneEvent, 2_000, 8_000, 32_000, 128_000, 512_000, maxBody},
		set: func(at int, _ *scene, o *Options) { o.BodyBytes = at }},
	{name: "filters", of: "subscription filters of the log group", at: []int{1, 3, 10, 30, 100, 300, 1000}, body: maxBody,
		set: func(at int, sc *scene, _ *Options) { sc.idle = idleFilters(at - 1) }},
	{name: "groups", of: "log groups, requests of 8 kB", at: []int{1, 10, 100, 1000, 10_000}, body: 8000, grouped: true,
		set: func(at int, sc *scene, _ *Options) { sc.groups = at }},
	{name: "groups-one-event", of: "log groups, requests of one event", at: []int{1, 10, 100, 1000, 10_000}, body: oneEvent, grouped: true,
		set: func(at int, sc *scene, _ *Options) { sc.groups = at }},
	{name: "connections", of: "connections", at: []int{1, 2, 4, 8, 16, 32, 64}, body: 32_000,
		set: func(at int, _ *scene, o *Options) { o.Connections = at }},
	{name: "backlog", of: "MB that wait for the store", at: []int{32, 128, 512}, body: maxBody,
		set: func(at int, _ *scene, o *Options) { o.Bytes = int64(at) * 1e6 }, measure: measureBacklog},
}

// CurveNames lists the curves that can be measured.
func CurveNames() (names []string) {
	for _, c := range curves {
		names = append(names, c.name)
	}
	return names
}

// Grow measures curves, all of them without names, of the one path in o.Paths.
// Default: putlogevents-unsigned/gzip/all. most leaves out points beyond it; 0 is
// no bound.
func Grow(ctx context.Context, o Options, names []string, most int) (*Result, error) {
	if o.Connections == 0 {
		o.Connections = 8 // commits of small requests are of several
	}
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	if len(o.Paths) == 0 {
		o.Paths = []string{"putlogevents-unsigned/gzip/all"}
	}
	if _, err := o.choose(); err != nil {
		return nil, err
	}
	wanted, err := chosenCurves(names)
	if err != nil {
		return nil, err
	}
	r := newResult(o)
	return r, o.within(func(dir string) error {
		for _, c := range wanted {
			if most > 0 {
				c.at = slices.DeleteFunc(slices.Clone(c.at), func(at int) bool { return at > most })
			}
			r.Growth = append(r.Growth, Curve{Name: c.name, Of: c.of})
			found := &r.Growth[len(r.Growth)-1] // its points are there when a later one fails
			for _, at := range c.at {
				o.Progress(fmt.Sprintf("measuring %s at %d", c.name, at))
				p, err := c.point(ctx, o, filepath.Join(dir, c.name+strconv.Itoa(at)), at)
				if err != nil {
					return fmt.Errorf("measure %s at %d: %w", c.name, at, err)
				}
				found.Points = append(found.Points, *p)
			}
		}
		return nil
	})
}

func chosenCurves(names []string) (wanted []curve, err error) {
	if len(names) == 0 {
		return curves, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(curves, func(c curve) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("curve %q is none of %s", name, strings.Join(CurveNames(), ", "))
		}
		wanted = append(wanted, curves[i])
	}
	return wanted, nil
}

// turns are how many requests each of the most log groups gets.
const turns = 4

// point measures one. All points over log groups get as many requests, those of
// other curves as many bytes, up to mostSends requests.
func (c *curve) point(ctx context.Context, o Options, dir string, at int) (*Point, error) {
	w, err := parseWay(o.Paths[0])
	if err != nil {
		return nil, err
	}
	sc := newScene(o, w)
	if c.body > 0 {
		o.BodyBytes = c.body
	}
	c.set(at, sc, &o)
	l := newLoad(o)
	most := max(1, min(mostSends, int(o.Bytes/leastBytes)))
	if l.sends = min(l.sends, most); c.grouped {
		l.sends = max(most, turns*slices.Max(c.at))
	}
	measure := measurePath
	if c.measure != nil {
		measure = c.measure
	}
	p, err := measure(ctx, o, dir, sc, l)
	if err != nil {
		return nil, err
	}
	if c.name == "batch" && at == oneEvent {
		at = int(p.MessageBytes / p.Events)
	}
	return &Point{At: float64(at), Path: *p}, nil
}

// Small requests are worth as much time as so many bytes.
const leastBytes, mostSends = 10_000, 10_000

// idleFilters are n patterns over words and fields of which no event has what
// they want.
func idleFilters(n int) (patterns []string) {
	for i := range n {
		patterns = append(patterns, [...]string{
			fmt.Sprintf(`"absent-%d"`, i),
			fmt.Sprintf(`{ $.status = %d && $.method = "GET" }`, 700+i),
			fmt.Sprintf(`"request completed" "absent-%d"`, i),
			fmt.Sprintf(`{ $.service = "absent-%d" }`, i),
		}[i%4])
	}
	return patterns
}
