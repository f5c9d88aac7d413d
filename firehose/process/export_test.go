package process

import "github.com/itchyny/gojq"

// WithoutWalk is the same query, always answered by gojq.
func (q *Query) WithoutWalk(text string) *Query {
	parsed, err := gojq.Parse(text)
	if err != nil {
		panic(err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		panic(err)
	}
	return &Query{keys: q.keys, code: code}
}

// Walks tells whether the query is a selection of members.
func (q *Query) Walks() bool { return q.paths != nil }

// AppendNumber is appendNumber.
func AppendNumber(dst, raw []byte) []byte { return appendNumber(dst, raw) }
