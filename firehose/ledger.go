package firehose

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"sluice/internal/event"
)

const (
	// accountBytes is how much of the log one step of accounting reads at most.
	accountBytes = 16 << 20
	// maxParts bounds the parts of one cut, and with them its Plan frame. What is
	// due beyond is due at the next one.
	maxParts = 1 << 15
	// maxPlanBytes bounds a Plan frame; the log takes 40 MiB.
	maxPlanBytes = 32 << 20
)

// ledger knows what every partition of a lane holds that was not delivered yet:
// a few numbers each, for the records stay in the log. It follows from the log
// from the lane's position on and from the marks, and is made again after a
// restart. It belongs to the lane's goroutine.
type ledger struct {
	told     *settings // by which it accounts and cuts
	split    *splitter
	position uint64 // all below is accounted
	accounts map[string]*account
	marks    map[string]uint64 // partitions that were delivered beyond the lane's position, and up to where
	marked   uint64            // the furthest of them
	hint     int64             // the size at which data is delivered, see lane.hintBytes
	full     bool              // an account has reached its size
	next     int64             // when the earliest account is due, ms
	drain    bool              // all accounts are due: the settings that made the marks are out of force
	pressed  bool              // all accounts are due: what waits takes too much room
	since    func(at uint64, arrived int64) int64
}

// account is what one partition holds.
type account struct {
	first        uint64 // position of its first record
	oldest       int64  // arrival, ms
	since        int64  // when its hint began, ms: that, where the log has the record since then
	instant      int64  // by event time: of the earliest event at first, for a name that follows from there
	due          int64  // ms
	count, bytes int64  // of events and records
	size         int64  // in the object, before the codec
}

func newLedger(told *settings, cur cursor, since func(at uint64, arrived int64) int64) *ledger {
	g := &ledger{
		told: told, hint: told.config.hintBytes(), split: told.newSplitter(), position: cur.position, accounts: map[string]*account{},
		marks: cur.marks, next: math.MaxInt64, since: since,
	}
	for _, m := range cur.marks {
		g.marked = max(g.marked, m)
	}
	return g
}

// parcel accounts one frame.
func (g *ledger) parcel(p *event.Parcel) {
	at := p.Position.Number
	g.split.split(p, func(u *unit) { g.unit(u, at) })
	g.position = at + 1
}

func (g *ledger) unit(u *unit, at uint64) {
	a := g.accounts[string(u.partition)]
	if a == nil {
		if at < g.marked && at < g.marks[string(u.partition)] {
			return
		}
		a = &account{first: at, oldest: u.arrived, since: g.since(at, u.arrived), instant: u.instant}
		name := string(u.partition)
		g.accounts[name] = a
		a.due = g.told.partDue(name, a)
		g.next = min(g.next, a.due)
	}
	a.count += u.count
	a.bytes += u.bytes
	a.size += u.size
	if at == a.first {
		a.instant = min(a.instant, u.instant)
	}
	if u.arrived < a.oldest {
		a.oldest = u.arrived
		a.since = min(a.since, g.since(at, u.arrived))
		a.due = min(a.due, g.told.partDue(string(u.partition), a))
		g.next = min(g.next, a.due)
	}
	if a.size >= g.fullAt(class(u.partition[0])) {
		g.full = true
	}
}

// fullAt is the size at which a partition of a class is delivered.
func (g *ledger) fullAt(k class) int64 {
	switch k {
	case classBackup:
		return g.told.backup.config.hintBytes()
	case classDropped:
		return math.MaxInt64
	}
	return g.hint
}

// partDue is when an account is delivered however little it holds. By event
// time, one that is due at or after the end of its period waits for stragglers
// until the lateness is over, and so do stragglers that come later still: each
// for themselves would be an object of a few lines.
func (c *settings) partDue(name string, a *account) int64 {
	interval := c.config.hintInterval().Milliseconds()
	switch class(name[0]) {
	case classBackup:
		return a.since + c.backup.config.hintInterval().Milliseconds()
	case classData:
	default:
		return a.since + interval
	}
	due := a.since + interval
	if !c.byEventTime() {
		return due
	}
	p := period{unit: c.period, zone: c.zone}
	_, ends := p.bounds(timeOf(name))
	switch lateness := c.lateness.Milliseconds(); {
	case due < ends:
		return due
	case a.since < ends+lateness:
		return max(due, ends+lateness)
	default:
		return a.since + max(interval, lateness)
	}
}

// errFull ends a step of accounting at a parcel.
var errFull = errors.New("a partition reached its size")

// account reads what the log has beyond the ledger, until some partition reaches
// its size or there is no more.
func (l *lane) account(ctx context.Context, g *ledger) error {
	for !g.full {
		span := l.feed.span(g.position, accountBytes)
		if span.Range.Empty() {
			return nil
		}
		l.begin()
		err := l.feed.parcels(ctx, span.Range.Start, span.Range.End, func(p event.Parcel) error {
			g.parcel(&p)
			if g.full {
				return errFull
			}
			return nil
		})
		switch {
		case errors.Is(err, errFull):
			return nil
		case err != nil:
			return err
		}
		g.position = max(g.position, span.Range.End)
	}
	return nil
}

// early is which part of an interval before it is due an account goes along with
// one that is: each cut is a pass over the log.
const early = 8

// cut picks what is due now, and what soon will be. It returns the parts, the
// position that the lane has when they are delivered, and false when nothing is
// due. Where the log has lost everything that was left, a cut without an object
// takes the lane past it.
func (g *ledger) cut(now int64, from uint64) (parts []part, position uint64, due bool) {
	if len(g.accounts) == 0 && g.position > from {
		return []part{{name: string(droppedName), first: from}}, g.position, true
	}
	if !g.full && !g.drain && !g.pressed && now < g.next {
		return nil, 0, false
	}
	parts = g.pick(now)
	if len(parts) == 0 {
		return nil, 0, false
	}
	taken := make(map[string]bool, len(parts))
	for _, p := range parts {
		taken[p.name] = true
	}
	position = g.position
	for name, a := range g.accounts {
		if !taken[name] {
			position = min(position, a.first)
		}
	}
	return parts, position, true
}

func (g *ledger) pick(now int64) (parts []part) {
	all := g.drain || g.pressed
	any := all
	for name, a := range g.accounts {
		soon := a.due - g.told.config.hintInterval().Milliseconds()/early
		full := g.fullAt(class(name[0]))
		switch {
		case all || a.due <= now || a.size >= full:
			any = true
		case class(name[0]) == classError || class(name[0]) == classDropped:
		case a.size >= full/4*3:
		case soon <= now && !g.waits(a):
		default:
			continue
		}
		parts = append(parts, part{
			name: name, first: a.first, count: a.count, bytes: a.bytes, size: a.size, oldest: a.oldest, instant: a.instant,
		})
	}
	if !any {
		return nil
	}
	slices.SortFunc(parts, func(a, b part) int { // what failed first; then as it lies in the log
		return cmp.Or(
			cmp.Compare(b.rank(), a.rank()), cmp.Compare(a.first, b.first), cmp.Compare(a.name, b.name),
		)
	})
	size := 0
	for i, p := range parts {
		size += partFixed + len(p.name) + maxKey
		if i == maxParts || i > 0 && size > maxPlanBytes {
			return parts[:i]
		}
	}
	return parts
}

// waits tells whether an account waits for stragglers.
func (g *ledger) waits(a *account) bool {
	return a.due > a.since+g.told.config.hintInterval().Milliseconds()
}

// delivered forgets what a plan held.
func (g *ledger) delivered(p *plan) {
	for _, part := range p.parts {
		delete(g.accounts, part.name)
	}
	g.recount()
}

// recount finds what is due next, and whether something is full.
func (g *ledger) recount() {
	g.full, g.next = false, math.MaxInt64
	for name, a := range g.accounts {
		g.next = min(g.next, a.due)
		g.full = g.full || a.size >= g.fullAt(class(name[0]))
	}
	if len(g.accounts) == 0 {
		g.drain = false
	}
}

// measure puts another size in force.
func (g *ledger) measure(hint int64) {
	if g.hint != hint {
		g.hint = hint
		g.recount()
	}
}

// follow puts other settings in force that tell partitions apart in the same way.
func (g *ledger) follow(told *settings) {
	if g.told == told {
		return
	}
	g.told = told
	g.split.release()
	g.split = told.newSplitter()
	for name, a := range g.accounts {
		a.due = told.partDue(name, a)
	}
	g.recount()
}

// wake is when the ledger's lane looks again without a signal.
func (g *ledger) wake(now time.Time) time.Time {
	again := now.Add(g.told.lookAgain())
	if g.next < math.MaxInt64 && g.next < again.UnixMilli() {
		return time.UnixMilli(g.next)
	}
	return again
}
