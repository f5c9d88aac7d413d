package format

import (
	"math"

	"github.com/parquet-go/parquet-go/format"
)

// sortKey is a column that rows are sorted by, ascending.
type sortKey = format.SortingColumn

var (
	byGroupAndTime = []sortKey{{ColumnIdx: colGroup, NullsFirst: true}, {ColumnIdx: colTS}}
	byTime         = []sortKey{{ColumnIdx: colTS}}
)

// rowOrder watches the rows of a row group go by. They are written in the order
// of their arrival; that order is declared in the file where it happens to be
// one, and never promised.
type rowOrder struct {
	group     string
	inGroup   int64 // last time of the group
	last      int64 // last time
	notGroups bool  // rows are not by (log_group, ts)
	notTimes  bool  // rows are not by ts
}

// reset starts a row group; the log group goes on.
func (o *rowOrder) reset() {
	*o = rowOrder{group: o.group, inGroup: math.MinInt64, last: math.MinInt64}
}

// batch says which log group the next rows are of, "" for none.
func (o *rowOrder) batch(group string) {
	switch {
	case o.last == math.MinInt64: // the first of the row group
	case group < o.group:
		o.notGroups = true
	case group > o.group:
		o.inGroup = math.MinInt64
	}
	o.group = group
}

func (o *rowOrder) row(ts int64) {
	if ts < o.inGroup {
		o.notGroups = true
	}
	if ts < o.last {
		o.notTimes = true
	}
	o.inGroup, o.last = ts, ts
}

// key is what the rows are sorted by, nil for nothing.
func (o *rowOrder) key() []sortKey {
	switch {
	case !o.notGroups:
		return byGroupAndTime
	case !o.notTimes:
		return byTime
	}
	return nil
}
