package process

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/itchyny/gojq"

	"sluice/internal/jsonscan"
)

// pathTrie is a query that only selects members: {a: .x, b: .y.z}. All its paths
// are walked at once.
type pathTrie struct {
	root    pathMember
	members int           // of the trie; each has a place in Extractor.found
	values  []*pathMember // by key
}

// pathMember is one member that some path passes or ends at.
type pathMember struct {
	name     string
	quoted   []byte // as most writers of JSON write it
	at       int    // in Extractor.found
	children []*pathMember
}

// newPathTrie is nil unless the query yields each key by a selection.
func newPathTrie(q *gojq.Query, keys []string) *pathTrie {
	if q.Term == nil || q.Term.Type != gojq.TermTypeObject || len(q.Term.SuffixList) > 0 || len(q.FuncDefs) > 0 || q.Op != 0 || len(q.Patterns) > 0 || len(keys) == 0 {
		return nil
	}
	paths := map[string][]string{}
	for _, kv := range q.Term.Object.KeyVals {
		key, path := selection(kv)
		if path == nil {
			return nil // also where the key is not wanted: it may be an error
		}
		if _, twice := paths[key]; twice {
			return nil
		}
		paths[key] = path
	}
	t := &pathTrie{root: pathMember{at: -1}}
	for _, key := range keys {
		if paths[key] == nil {
			return nil
		}
		t.values = append(t.values, t.grow(paths[key]))
		delete(paths, key)
	}
	for _, path := range paths {
		t.grow(path) // not wanted, but what it passes must be objects
	}
	return t
}

func (t *pathTrie) grow(path []string) *pathMember {
	at := &t.root
	for _, name := range path {
		i := slices.IndexFunc(at.children, func(c *pathMember) bool { return c.name == name })
		if i < 0 {
			i = len(at.children)
			quoted, _ := jsontext.AppendQuote(nil, name)
			at.children = append(at.children, &pathMember{name: name, quoted: quoted, at: t.members})
			t.members++
		}
		at = at.children[i]
	}
	return at
}

// selection is the key and the path of a pair like a: .b.c, or just a. The path
// is nil for anything else.
func selection(kv *gojq.ObjectKeyVal) (key string, path []string) {
	switch {
	case kv.KeyQuery != nil, kv.KeyString != nil && kv.KeyString.Queries != nil, kv.Key != "" && kv.Key[0] == '$':
		return "", nil
	case kv.KeyString != nil:
		key = kv.KeyString.Str
	default:
		key = kv.Key
	}
	if kv.Val == nil {
		return key, []string{key}
	}
	return key, pathOf(kv.Val)
}

// pathOf is the path of .a.b, ."a"."b", .["a"] and of those in parentheses.
func pathOf(q *gojq.Query) (path []string) {
	if q.Term == nil || q.Op != 0 || len(q.FuncDefs) > 0 || len(q.Patterns) > 0 {
		return nil
	}
	switch t := q.Term; t.Type {
	case gojq.TermTypeQuery:
		path = pathOf(t.Query)
	case gojq.TermTypeIndex:
		path = appendIndex(nil, t.Index)
	}
	if path == nil {
		return nil
	}
	for _, s := range q.Term.SuffixList {
		if s.Index == nil || s.Iter || s.Optional {
			return nil
		}
		if path = appendIndex(path, s.Index); path == nil {
			return nil
		}
	}
	return path
}

// appendIndex is nil for slices and computed names.
func appendIndex(path []string, i *gojq.Index) []string {
	switch {
	case i.IsSlice || i.End != nil:
		return nil
	case i.Name != "":
		return append(path, i.Name)
	case i.Str != nil && i.Str.Queries == nil:
		return append(path, i.Str.Str)
	case i.Start != nil && i.Start.Term != nil && i.Start.Op == 0 && len(i.Start.FuncDefs) == 0 && len(i.Start.Patterns) == 0 &&
		i.Start.Term.Type == gojq.TermTypeString && i.Start.Term.Str.Queries == nil && len(i.Start.Term.SuffixList) == 0:
		return append(path, i.Start.Term.Str.Str)
	}
	return nil
}

// walk goes through the record once and appends the values at the paths' ends.
func (x *Extractor) walk(dst, record []byte) ([]byte, error) {
	clear(x.found)
	t := x.query.paths
	c := jsonscan.Cursor{Text: record}
	c.Space()
	first, from := c.Next(), c.At
	ok := false
	if first == '{' {
		ok = x.object(&c, &t.root)
	} else {
		ok = c.SkipValue()
	}
	end := c.At
	if c.Space(); !ok || c.At < len(record) {
		return dst, errMalformed
	}
	if first != '{' && first != 'n' {
		return dst, extraction("Cannot select a member of %.40s.", record[from:end])
	}
	if err := x.passable(record, &t.root); err != nil {
		return dst, err
	}
	out := dst
	for i, m := range t.values {
		not := "null"
		if s := x.found[m.at]; s.to > s.from {
			out, x.scratch, not = appendRaw(out, record[s.from:s.to], x.scratch)
		}
		if not != "" {
			return dst, unusable(x.query.keys[i], not)
		}
		out = append(out, 0)
	}
	return out, nil
}

// object walks the object at hand and notes where the values of m's children
// stand. A member that comes again replaces the first, with all below it.
func (x *Extractor) object(c *jsonscan.Cursor, m *pathMember) bool {
	if !c.Enter() {
		return false
	}
	for more := c.Open('}'); more; more = c.More('}') {
		from := c.At
		if !c.SkipString() {
			return false
		}
		child := x.child(m, c.Text[from:c.At])
		if !c.Colon() {
			return false
		}
		from = c.At
		switch {
		case child == nil:
			if !c.SkipValue() {
				return false
			}
			continue
		case len(child.children) > 0:
			x.forget(child)
			if c.Next() == '{' {
				if !x.object(c, child) {
					return false
				}
				break
			}
			fallthrough
		default:
			if !c.SkipValue() {
				return false
			}
		}
		x.found[child.at] = span{from, c.At}
	}
	return c.Leave('}')
}

func (x *Extractor) forget(m *pathMember) {
	for _, c := range m.children {
		x.found[c.at] = span{}
		x.forget(c)
	}
}

// child finds the child of m that a quoted name means.
func (x *Extractor) child(m *pathMember, quoted []byte) *pathMember {
	for _, c := range m.children {
		if string(c.quoted) == string(quoted) {
			return c
		}
	}
	if plain(quoted) {
		return nil
	}
	x.key, _ = jsontext.AppendUnquote(x.key[:0], quoted)
	for _, c := range m.children {
		if c.name == string(x.key) {
			return c
		}
	}
	return nil
}

// plain tells of a name that is written in one way only.
func plain(quoted []byte) bool {
	for _, c := range quoted {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// passable refuses values that have no members where a path goes on.
func (x *Extractor) passable(record []byte, m *pathMember) error {
	for _, c := range m.children {
		s := x.found[c.at]
		if len(c.children) == 0 || s.to == s.from || record[s.from] == 'n' {
			continue
		}
		if record[s.from] != '{' {
			return extraction("Cannot select member %s of %.40s.", c.children[0].name, record[s.from:s.to])
		}
		if err := x.passable(record, c); err != nil {
			return err
		}
	}
	return nil
}
