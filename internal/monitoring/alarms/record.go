package alarms

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/internal/catalog"
	"sluice/internal/monitoring/alarms/evaluation"
)

// errCorrupt says that a frame or a snapshot is not what this package writes.
var errCorrupt = errors.New("alarm bytes are corrupt")

// kind is what a frame says.
type kind uint8

const (
	kindConfiguration kind = 1 + iota
	kindTransition
	kindAction
	kindMark
)

// change is what happened to a definition.
type change uint8

const (
	created change = 1 + iota
	updated
	deleted
)

// record is the content of a frame; doc.go draws it. Which fields count depends
// on the kind.
type record struct {
	kind  kind
	at    int64 // ms
	scope catalog.Scope
	name  string

	change  change
	details string // JSON

	from, to              evaluation.State
	transitioned          int64 // ms: when the state last changed, this time or earlier
	oldReason, oldDetails string
	reason, reasonDetails string
	subject, message      string // of actions; taken out once all of them are done
	actions               []requested

	transition uint64 // sequence of the frame that asked for the action
	index      int
	asked      requested
	failed     bool
	fault      string
}

// requested is one action of a transition.
type requested struct{ arn, id string }

var states = [...]evaluation.State{evaluation.OK, evaluation.Alarm, evaluation.InsufficientData}

func stateCode(s evaluation.State) byte {
	for i, known := range states {
		if s == known {
			return byte(i)
		}
	}
	panic("alarms: state " + string(s))
}

// append writes the record.
func (r *record) append(dst []byte) []byte {
	dst = append(dst, byte(r.kind))
	dst = le.AppendUint64(dst, uint64(r.at))
	dst = appendTexts(dst, r.scope.Account, r.scope.Region, r.name)
	switch r.kind {
	case kindConfiguration:
		return appendTexts(append(dst, byte(r.change)), r.details)
	case kindTransition:
		dst = append(dst, stateCode(r.from), stateCode(r.to))
		dst = le.AppendUint64(dst, uint64(r.transitioned))
		dst = appendTexts(dst, r.oldReason, r.oldDetails, r.reason, r.reasonDetails, r.subject, r.message)
		dst = binary.AppendUvarint(dst, uint64(len(r.actions)))
		for _, a := range r.actions {
			dst = appendTexts(dst, a.arn, a.id)
		}
	case kindAction:
		dst = le.AppendUint64(dst, r.transition)
		dst = append(dst, byte(r.index), 0)
		if r.failed {
			dst[len(dst)-1] = 1
		}
		dst = appendTexts(dst, r.asked.arn, r.asked.id, r.fault)
	}
	return dst
}

var le = binary.LittleEndian

func appendTexts(dst []byte, texts ...string) []byte {
	for _, t := range texts {
		dst = append(binary.AppendUvarint(dst, uint64(len(t))), t...)
	}
	return dst
}

// maxActions is how many actions a record may hold; AWS allows five.
const maxActions = 64

// parseRecord reads a frame's payload, and keeps none of it.
func parseRecord(b []byte) (r record, err error) {
	c := cursor{rest: b}
	r.kind, r.at = kind(c.byte()), int64(c.uint64())
	r.scope.Account, r.scope.Region, r.name = c.text(), c.text(), c.text()
	switch r.kind {
	case kindConfiguration:
		r.change, r.details = change(c.byte()), c.text()
	case kindTransition:
		r.from, r.to = c.state(), c.state()
		r.transitioned = int64(c.uint64())
		for _, field := range [...]*string{&r.oldReason, &r.oldDetails, &r.reason, &r.reasonDetails, &r.subject, &r.message} {
			*field = c.text()
		}
		n := c.uvarint()
		if n > maxActions {
			c.bad = true
			n = 0
		}
		for range n {
			r.actions = append(r.actions, requested{c.text(), c.text()})
		}
	case kindAction:
		r.transition, r.index = c.uint64(), int(c.byte())
		r.failed = c.byte() == 1
		r.asked.arn, r.asked.id, r.fault = c.text(), c.text(), c.text()
	case kindMark:
	default:
		c.bad = true
	}
	if c.bad || len(c.rest) > 0 {
		return record{}, fmt.Errorf("%w: record of kind %d", errCorrupt, r.kind)
	}
	return r, nil
}

// cursor reads what appendTexts and its like wrote; bad says that it could not.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.rest)) {
		c.bad = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

func (c *cursor) uvarint() uint64 {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 {
		c.bad = true
		return 0
	}
	c.take(uint64(size))
	return n
}

func (c *cursor) text() string { return string(c.take(c.uvarint())) }

func (c *cursor) state() evaluation.State {
	code := c.byte()
	if int(code) >= len(states) {
		c.bad = true
		return ""
	}
	return states[code]
}
