package alarms

import "sluice/internal/catalog"

// wheel tells which alarms are due at a second: those of a minute's cadence at
// their second of each minute, those of ten seconds at their second of each ten.
type wheel struct {
	minute [60]map[uint64]*scheduled
	ten    [10]map[uint64]*scheduled
	of     map[uint64]*scheduled
}

// scheduled is one alarm's place. Its definition never changes: an update puts
// another one in its place.
type scheduled struct {
	scope catalog.Scope
	Definition
}

func (w *wheel) init() { w.of = map[uint64]*scheduled{} }

// slotDelay is how many seconds after its end a slot is evaluated at the
// earliest: samples that were taken in its last moment are in by then.
const slotDelay = 2

// place is the map that an alarm belongs to.
func (w *wheel) place(d *Definition) *map[uint64]*scheduled {
	if c := d.cadence(); c == int64(len(w.ten)) {
		return &w.ten[slotDelay+d.UID%uint64(len(w.ten)-slotDelay)]
	}
	return &w.minute[slotDelay+d.UID%uint64(len(w.minute)-slotDelay)]
}

// set adds an alarm or replaces it.
func (w *wheel) set(s catalog.Scope, d Definition) {
	w.remove(d.UID)
	place := w.place(&d)
	if *place == nil {
		*place = map[uint64]*scheduled{}
	}
	a := &scheduled{s, d}
	(*place)[d.UID] = a
	w.of[d.UID] = a
}

func (w *wheel) remove(uid uint64) {
	if a := w.of[uid]; a != nil {
		delete(*w.place(&a.Definition), uid)
		delete(w.of, uid)
	}
}

// next is the first second behind at when something is due, 0 for never.
func (w *wheel) next(at int64) int64 {
	if len(w.of) == 0 {
		return 0
	}
	for s := at + 1; ; s++ {
		if len(w.minute[s%60]) > 0 || len(w.ten[s%10]) > 0 {
			return s
		}
	}
}

// due appends the alarms of a second.
func (w *wheel) due(dst []*scheduled, at int64) []*scheduled {
	for _, a := range w.minute[at%60] {
		dst = append(dst, a)
	}
	for _, a := range w.ten[at%10] {
		dst = append(dst, a)
	}
	return dst
}
