package format

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// coreColumns are in every file, in this order. Of a record that came without a
// log stream, those from account to event_id are null.
var coreColumns = []string{
	"ts", "ingest_ts", "account", "region", "log_group", "log_stream", "event_id", "message",
}

// Where the core columns stand.
const (
	colTS = iota
	colIngest
	colAccount
	colRegion
	colGroup
	colStream
	colID
	colMessage
	colFields // the first promoted field; after the last comes _rest
)

// restColumn is the JSON text of what was not promoted. It is null if nothing
// is left, or if the message is no JSON object.
const restColumn = "_rest"

// newColumns is the columns of events: the core, the fields, the rest.
func newColumns(fields []Field) *columns {
	instant := parquet.Encoded(parquet.TimestampAdjusted(parquet.Microsecond, true), &parquet.DeltaBinaryPacked)
	name := parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	text := parquet.Encoded(parquet.String(), &parquet.Plain)
	root := &columns{Group: parquet.Group{
		"ts": instant, "ingest_ts": instant,
		"account": parquet.Optional(name), "region": parquet.Optional(name),
		"log_group": parquet.Optional(name), "log_stream": parquet.Optional(name),
		"event_id": parquet.Optional(text), "message": text,
	}}
	root.order = append(root.order, coreColumns...)
	for _, f := range fields {
		node := name
		switch f.Type {
		case BigInt:
			node = parquet.Leaf(parquet.Int64Type)
		case Double:
			node = parquet.Leaf(parquet.DoubleType)
		case Boolean:
			node = parquet.Leaf(parquet.BooleanType)
		}
		root.Group[f.Name] = parquet.Optional(node)
		root.order = append(root.order, f.Name)
	}
	if len(fields) > 0 {
		root.Group[restColumn] = parquet.Optional(text)
		root.order = append(root.order, restColumn)
	}
	return root
}

// columns is a Group that keeps its order: the library's own is by name.
type columns struct {
	parquet.Group
	order []string
}

// Fields implements parquet.Node.
func (c *columns) Fields() []parquet.Field {
	fields := c.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return cmp.Compare(slices.Index(c.order, a.Name()), slices.Index(c.order, b.Name()))
	})
	return fields
}

// GoType implements parquet.Node.
func (c *columns) GoType() reflect.Type { return c.Group.GoType() }
