package process

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// Query is what MetadataExtractionQuery says, for one version of a stream's
// settings.
type Query struct {
	keys  []string
	paths *pathTrie  // nil: only jq can answer
	code  *gojq.Code // nil if paths is not
}

// errNotOurs is why a query is refused that depends on more than its record: the
// attempts at one object have to agree.
var errNotOurs = errors.New("depends on something other than the record")

// refused are jq's ways out of the record.
var refused = []string{
	"input", "inputs", "debug", "stderr", "input_filename", "input_line_number", "now", "localtime", "mktime",
	"strflocaltime", "env", "$ENV", "halt", "halt_error", "modulemeta", "get_search_list",
}

// NewQuery compiles a query from which keys are wanted, in their order.
func NewQuery(text string, keys []string) (*Query, error) {
	parsed, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse jq query: %w", err)
	}
	if name := firstRefused(reflect.ValueOf(parsed)); name != "" {
		return nil, fmt.Errorf("parse jq query: %s: %w", name, errNotOurs)
	}
	q := &Query{keys: slices.Clone(keys)}
	if q.paths = newPathTrie(parsed, keys); q.paths != nil {
		return q, nil
	}
	if q.code, err = gojq.Compile(parsed); err != nil {
		return nil, fmt.Errorf("compile jq query: %w", err)
	}
	return q, nil
}

// firstRefused finds a call of a refused function anywhere in a syntax tree.
func firstRefused(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if f, ok := v.Interface().(*gojq.Func); ok && f != nil && slices.Contains(refused, f.Name) {
			return f.Name
		}
		if !v.IsNil() {
			return firstRefused(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name := firstRefused(v.Field(i)); name != "" {
				return name
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if name := firstRefused(v.Index(i)); name != "" {
				return name
			}
		}
	}
	return ""
}

// Keys are the names of the partition keys, in the order of their values.
func (q *Query) Keys() []string { return q.keys }

// Values takes a partition, as Extractor.Append made it, apart.
func (q *Query) Values(partition string) map[string]string {
	values := make(map[string]string, len(q.keys))
	for _, key := range q.keys {
		values[key], partition, _ = strings.Cut(partition, "\x00")
	}
	return values
}

// NewExtractor is for one goroutine.
func (q *Query) NewExtractor() *Extractor {
	x := &Extractor{query: q}
	if q.paths != nil {
		x.found = make([]span, q.paths.members)
	}
	return x
}

// Extractor reads partitions from records.
type Extractor struct {
	query   *Query
	found   []span // by member of the trie: where its value stands
	scratch []byte
	key     []byte
}

// span is a value in a record; empty where it was not there.
type span struct{ from, to int }

// MaxPartition bounds a partition, in bytes. It is many times what the key of an
// object can hold, and a frame of the log names partitions with lengths of 16 bits.
const MaxPartition = 16 << 10

// Append appends the partition of a record to dst. The error is a *Failure, and
// dst comes back as it was.
//
// hot: BenchmarkExtractor
func (x *Extractor) Append(dst, record []byte) (out []byte, err error) {
	if x.query.paths != nil {
		out, err = x.walk(dst, record)
	} else {
		out, err = x.run(dst, record)
	}
	if n := len(out) - len(dst); n > MaxPartition {
		return dst, extraction("The partition keys have %d bytes, more than the key of an object can hold.", n)
	}
	return out, err
}

// run asks gojq.
func (x *Extractor) run(dst, record []byte) ([]byte, error) {
	input, ok := decode(record)
	if !ok {
		return dst, errMalformed
	}
	results := x.query.code.RunWithContext(&fuel{Context: context.Background(), steps: maxSteps}, input)
	result, ok := results.Next()
	if !ok {
		return dst, extraction("the query yields nothing")
	}
	if err, ok := result.(error); ok {
		return dst, extraction("%v", err)
	}
	if another, ok := results.Next(); ok {
		if err, ok := another.(error); ok {
			return dst, extraction("%v", err)
		}
		return dst, extraction("the query yields more than one result")
	}
	object, ok := result.(map[string]any)
	if !ok {
		return dst, extraction("the query yields no object")
	}
	out := dst
	for _, key := range x.query.keys {
		var not string
		if out, not = appendResult(out, object[key]); not != "" {
			return dst, unusable(key, not)
		}
		out = append(out, 0)
	}
	return out, nil
}

// errMalformed is for records that are not one JSON text.
var errMalformed = failure(ProcessingFailed, CodeExtraction, "The record is not one JSON document.")

func extraction(message string, args ...any) *Failure {
	return failure(ProcessingFailed, CodeExtraction, message, args...)
}

func unusable(key, not string) *Failure {
	return extraction("The value of partition key %s is %s.", key, not)
}

// maxSteps is how much a query may do for one record: far more than any sane one
// does, and an end for one that would run for ever.
const maxSteps = 10_000_000

// fuel is a context that ends after a number of steps, not at a time: every
// attempt at a record ends at the same one. gojq asks before each instruction.
type fuel struct {
	context.Context
	steps int
}

var ended = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done implements context.Context.
func (f *fuel) Done() <-chan struct{} {
	if f.steps--; f.steps < 0 {
		return ended
	}
	return nil
}

var errSteps = errors.New("the query takes too many steps")

// Err implements context.Context.
func (f *fuel) Err() error {
	if f.steps < 0 {
		return errSteps
	}
	return nil
}
