package logsapi

import (
	"encoding/binary"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/event"
	"sluice/internal/store"
)

// What the nextToken of FilterLogEvents (see NextToken) carries, big-endian:
//
//	+-------+-----------+--------------------------------+--------------------------+
//	| flags | log group | cursor: ms 8, ingestion ms 8,  | positions, one a shard:  |
//	| (1)   | uid (8)   | request 8, index 2             | uvarints                 |
//	+-------+-----------+--------------------------------+--------------------------+
//
// Flag 1: the latest first. Flag 2: the next page begins at the cursor, not
// behind it. The walk is through what lies below the positions, which stay what
// they were when the first page was asked for, also across a restart.

const (
	flagLatestFirst = 1 << iota
	flagAtCursor

	filterTokenFlags  = flagLatestFirst | flagAtCursor
	filterTokenHeader = 1 + 8 + 8 + 8 + 8 + 2
)

// token is where the next page begins.
func (s *sweep) token() string {
	flags := byte(0)
	if !s.at.forward {
		flags |= flagLatestFirst
	}
	if s.at.at {
		flags |= flagAtCursor
	}
	be, id := binary.BigEndian, s.at.id
	raw := append(make([]byte, 0, filterTokenHeader+4*len(s.below)), flags)
	raw = be.AppendUint64(raw, s.query.Group)
	raw = be.AppendUint64(raw, uint64(id.Timestamp))
	raw = be.AppendUint64(raw, uint64(id.Ingested))
	raw = be.AppendUint64(raw, id.Request)
	raw = be.AppendUint16(raw, id.Index)
	for _, position := range s.below {
		raw = binary.AppendUvarint(raw, position)
	}
	return string(raw)
}

// resume sets a sweep to where a request's token points, or to the beginning of
// a new walk through what is stored now.
func (s *sweep) resume(in *filterLogEventsInput, now time.Time) error {
	s.at, s.below = cursor{forward: in.forward()}, s.index.Durable()
	if in.NextToken == nil {
		return nil
	}
	text, err := ParseNextToken(filterLogEventsName, in.NextToken, now)
	if err != nil {
		return err
	}
	raw := []byte(text)
	if len(raw) < filterTokenHeader || raw[0]&^filterTokenFlags != 0 || binary.BigEndian.Uint64(raw[1:]) != s.query.Group {
		return awsapi.ErrInvalidNextToken
	}
	be := binary.BigEndian
	s.at = cursor{forward: raw[0]&flagLatestFirst == 0, set: true, at: raw[0]&flagAtCursor != 0, id: event.ID{
		Timestamp: int64(be.Uint64(raw[9:])), Ingested: int64(be.Uint64(raw[17:])),
		Request: be.Uint64(raw[25:]), Index: be.Uint16(raw[33:]),
	}}
	s.below, err = parsePositions(raw[filterTokenHeader:])
	return err
}

func parsePositions(raw []byte) (positions []uint64, err error) {
	for len(raw) > 0 {
		p, n := binary.Uvarint(raw)
		if n <= 0 || len(positions) == store.MaxShards {
			return nil, awsapi.ErrInvalidNextToken
		}
		positions, raw = append(positions, p), raw[n:]
	}
	return positions, nil
}
