package firehose

import (
	"encoding/binary"
	"time"

	"sluice/firehose/prefix"
	"sluice/firehose/process"
)

// class is what becomes of the records of a partition.
type class byte

const (
	classData    class = 'd' // an object under Prefix
	classError   class = 'e' // an object under ErrorOutputPrefix
	classBackup  class = 'b' // source records, an object in the bucket of S3BackupConfiguration
	classDropped class = 'x' // no object: nothing was to be delivered
)

// A partition is what shares one object in a cut. Its name holds all that its
// key follows from, besides the instant, so that it never depends on how a
// prefix is spelt:
//
//	+---+--------------------------------+----------------------------------+
//	| d | start of the period, ms, u64   | values of the partition keys, as |
//	|   | big-endian; by event time only | process.Query has them           |
//	+---+--------------------------------+----------------------------------+
//	| e | error-output-type                                                 |
//	+---+-------------------------------------------------------------------+
//	| b |      | x |
//	+---+      +---+
//
// period keeps the bounds of the last one it was asked for: most events follow
// one of the same hour.
type period struct {
	unit       prefix.Period
	zone       *time.Location
	start, end int64 // ms
}

// of returns the start of the period of an instant (ms).
func (p *period) of(at int64) int64 {
	if at < p.start || at >= p.end {
		p.start, p.end = p.bounds(at)
	}
	return p.start
}

func (p *period) bounds(at int64) (start, end int64) {
	from, to := p.unit.Bounds(time.UnixMilli(at).In(p.zone))
	return from.UnixMilli(), to.UnixMilli()
}

// appendPeriod appends what a name starts with in event time.
func appendPeriod(name []byte, start int64) []byte {
	return binary.BigEndian.AppendUint64(name, uint64(start))
}

// timeOf is the start of the period of a data partition, in event time.
func timeOf(name string) int64 {
	if len(name) < 9 {
		return 0
	}
	return int64(binary.BigEndian.Uint64([]byte(name[1:9])))
}

// partitionValues are the values of a data partition's keys.
func (c *settings) partitionValues(name string) map[string]string {
	name = name[1:]
	if c.byEventTime() && len(name) >= 8 {
		name = name[8:]
	}
	if c.query == nil {
		return nil
	}
	return c.query.Values(name)
}

// errorType is that of an error partition.
func errorType(name string) string { return name[1:] }

// errorPartition appends the name of the partition of failures of a type.
func errorPartition(name []byte, t process.ErrorType) []byte {
	return append(append(name, byte(classError)), t...)
}
