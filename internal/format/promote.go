package format

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/parquet-go/parquet-go"

	"sluice/internal/jsonscan"
)

// promoter takes the promoted members out of messages that are JSON objects,
// and keeps the text of the rest. It makes one walk a message, which checks the
// syntax as encoding/json does: a message that is no JSON object gives nothing
// at all. A member that occurs twice is taken from its first occurrence; the
// other stays in the rest.
type promoter struct {
	jsonscan.Cursor
	root    member
	found   []parquet.Value // by field, null where nothing was found
	nulls   []parquet.Value
	serie   uint64 // number of the message: tells which members were seen in it
	rests   []byte // of all messages since reset
	strings []byte // unescaped, of all messages since reset
	key     []byte // scratch
}

// member is a node of the trie of promoted paths.
type member struct {
	name     string
	quoted   []byte // the name as most writers of JSON write it
	children []*member
	field    int // in found; -1 for a member with children
	kind     FieldType
	seen     uint64 // last message that had it
}

// newPromoter is for fields in columns of their order, from first on.
func newPromoter(fields []Field, first int) *promoter {
	p := &promoter{root: member{field: -1}}
	for i, f := range fields {
		at := &p.root
		for _, name := range f.Path {
			at = at.grow(name)
		}
		at.field, at.kind = i, f.Type
		p.nulls = append(p.nulls, parquet.NullValue().Level(0, 0, first+i))
	}
	p.found = append(p.found, p.nulls...)
	return p
}

// grow finds or makes a child.
func (m *member) grow(name string) *member {
	for _, c := range m.children {
		if c.name == name {
			return c
		}
	}
	c := &member{name: name, quoted: appendQuoted(nil, name), field: -1}
	m.children = append(m.children, c)
	return c
}

// reset forgets what was found in earlier messages: nobody may use it any more.
func (p *promoter) reset() { p.rests, p.strings = p.rests[:0], p.strings[:0] }

// take fills found from a message and returns the text of what was not
// promoted, nil for nothing. Values and rest are views of the message and of the
// promoter, valid until reset.
//
// hot: BenchmarkPromote
func (p *promoter) take(message []byte) (rest []byte) {
	copy(p.found, p.nulls)
	p.Cursor = jsonscan.Cursor{Text: message}
	p.serie++
	mark := len(p.rests)
	p.Space()
	if p.Next() != '{' {
		return nil
	}
	kept, _, ok := p.object(&p.root)
	p.Space()
	if !ok || p.At != len(message) {
		copy(p.found, p.nulls)
		kept = 0
	}
	if kept == 0 {
		p.rests = p.rests[:mark]
		return nil
	}
	return p.rests[mark:len(p.rests):len(p.rests)]
}

// object walks the object at hand and appends what stays of it to rests. It
// counts the members that stayed and those that were promoted, whole or in part.
func (p *promoter) object(m *member) (kept, taken int, ok bool) {
	if !p.Enter() {
		return 0, 0, false
	}
	p.rests = append(p.rests, '{')
	for more := p.Open('}'); more; more = p.More('}') {
		from := p.At
		if !p.SkipString() {
			return 0, 0, false
		}
		key := p.Text[from:p.At]
		c := p.child(m, key)
		if !p.Colon() {
			return 0, 0, false
		}
		mark := len(p.rests)
		if kept > 0 {
			p.rests = append(p.rests, ',')
		}
		p.rests = append(append(p.rests, key...), ':')
		stays, ok := p.member(c)
		if !ok {
			return 0, 0, false
		}
		if stays {
			kept++
		} else {
			taken++
			p.rests = p.rests[:mark]
		}
	}
	p.rests = append(p.rests, '}')
	return kept, taken, p.Leave('}')
}

// member takes the value of c, nil for a member of no interest, or appends it
// to rests and says that it stays.
func (p *promoter) member(c *member) (stays, ok bool) {
	first := c != nil && c.seen != p.serie
	if first {
		c.seen = p.serie
		if c.field < 0 && p.Next() == '{' {
			kept, taken, ok := p.object(c)
			return kept > 0 || taken == 0, ok
		}
	}
	from := p.At
	if !p.SkipValue() {
		return false, false
	}
	raw := p.Text[from:p.At]
	if first && c.field >= 0 && p.promote(c, raw) {
		return false, true
	}
	p.rests = append(p.rests, raw...)
	return true, true
}

// child finds the member of m that a quoted key names.
func (p *promoter) child(m *member, key []byte) *member {
	for _, c := range m.children {
		if bytes.Equal(c.quoted, key) {
			return c
		}
	}
	if len(m.children) == 0 || bytes.IndexByte(key, '\\') < 0 {
		return nil
	}
	p.key, _ = jsontext.AppendUnquote(p.key[:0], key)
	for _, c := range m.children {
		if c.name == string(p.key) {
			return c
		}
	}
	return nil
}

// promote puts a value into its column if it is of the column's type. A null
// fits every column.
func (p *promoter) promote(c *member, raw []byte) bool {
	var v parquet.Value
	switch raw[0] {
	case 'n':
		return true
	case '"':
		if c.kind != String {
			return false
		}
		v = parquet.ByteArrayValue(p.unquote(raw))
	case 't', 'f':
		if c.kind != Boolean {
			return false
		}
		v = parquet.BooleanValue(raw[0] == 't')
	case '{', '[':
		return false
	default:
		var ok bool
		if v, ok = number(c.kind, raw); !ok {
			return false
		}
	}
	p.found[c.field] = v.Level(0, 1, p.nulls[c.field].Column())
	return true
}

// number is a JSON number as a column's value: digits alone for a BigInt,
// anything in range for a Double.
func number(kind FieldType, raw []byte) (parquet.Value, bool) {
	switch kind {
	case BigInt:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return parquet.Int64Value(n), err == nil
	case Double:
		f, err := strconv.ParseFloat(string(raw), 64)
		return parquet.DoubleValue(f), err == nil
	}
	return parquet.Value{}, false
}

// unquote is the text of a JSON string: a view of it where nothing is escaped.
func (p *promoter) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	from := len(p.strings)
	p.strings, _ = jsontext.AppendUnquote(p.strings, raw) // U+FFFD for half a pair
	return p.strings[from:len(p.strings):len(p.strings)]
}
