package pattern

import "bytes"

// match reports whether the message is one JSON object and satisfies the
// conditions.
//
// hot: BenchmarkMatch
func (j *jsonPattern) match(message []byte) bool {
	var set [maxTries]uint64
	if !j.evaluate(message, &set) {
		return false
	}
	if j.plan.simple {
		return set[0]&j.plan.all == j.plan.all && set[0]&j.plan.none == 0
	}
	return j.plan.holds(j.root, &set)
}

// evaluate fills set with the bits of every trie; false means that the message
// is not JSON.
func (j *jsonPattern) evaluate(message []byte, set *[maxTries]uint64) bool {
	if first := skipSpace(message, 0); first >= len(message) || message[first] != '{' {
		return false
	}
	var r jsonReader
	n := blocks(len(message))
	if n <= stackBlocks {
		var quotes [stackBlocks]uint64
		r.quotes = quotes[:n]
		return r.index(message) && j.walk(&r, message, set)
	}
	s := newScratch()
	defer s.free()
	r.quotes = s.words(n)
	return r.index(message) && j.walk(&r, message, set)
}

// walk reads the whole message once for each trie.
func (j *jsonPattern) walk(r *jsonReader, b []byte, set *[maxTries]uint64) bool {
	for i, trie := range j.plan.tries {
		got, end := trie.walkObject(r, b, skipSpace(b, 0), 1)
		if end == invalid || skipSpace(b, end) != len(b) {
			return false
		}
		set[i] = got | trie.exists
	}
	return true
}

// walkValue reads the value at i, which the node selects.
func (n *jsonNode) walkValue(r *jsonReader, b []byte, i, depth int) (got uint64, next int) {
	if i >= len(b) {
		return 0, invalid
	}
	switch c := b[i]; {
	case c == '"':
		end := r.stringEnd(i + 1)
		if end == invalid {
			return 0, invalid
		}
		got, next = n.checkString(r, b[i+1:end]), end+1
	case c == '{':
		if n.keys == nil && n.wild == nil {
			next = r.skipObject(b, i, depth+1)
		} else {
			got, next = n.walkObject(r, b, i, depth+1)
		}
	case c == '[':
		if n.items == nil && n.wild == nil && n.isNull == 0 {
			next = r.skipArray(b, i, depth+1)
		} else {
			got, next = n.walkArray(r, b, i, depth+1)
		}
	case c == '-' || isDigit(c):
		end, isInt := scanNumber(b, i)
		if end == invalid {
			return 0, invalid
		}
		got, next = n.checkNumber(b[i:end], isInt), end
	case c == 't' || c == 'f' || c == 'n':
		got, next = n.checkWord(c), skipWord(b, i)
	default:
		return 0, invalid
	}
	return got | n.exists, next
}

// walkObject reads the object at i. A later member of the same name replaces
// what an earlier one has set.
func (n *jsonNode) walkObject(r *jsonReader, b []byte, i, depth int) (got uint64, next int) {
	if n.wild != nil {
		return n.walkEveryMember(r, b, i, depth)
	}
	if depth > maxDepth {
		return 0, invalid
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return 0, i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return 0, invalid
		}
		// What r.key does, here for a name without blanks around its colon.
		keyEnd := r.stringEnd(i + 1)
		value := keyEnd + 2
		if keyEnd == invalid || value >= len(b) || b[value-1] != ':' || b[value] <= ' ' {
			if keyEnd, value = r.key(b, i); value == invalid {
				return 0, invalid
			}
		}
		if child := n.member(r, b[i+1:keyEnd]); child == nil {
			if value < len(b) && b[value] == '"' {
				if i = r.stringEnd(value+1) + 1; i == 0 {
					return 0, invalid
				}
			} else {
				i = r.skipValue(b, value, depth)
			}
		} else {
			var set uint64
			set, i = child.walkValue(r, b, value, depth)
			got = got&^child.subtree | set
		}
		if i = r.afterValue(b, i); i == invalid {
			return 0, invalid
		}
		if b[i] != ',' {
			break
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
	}
	if b[i] != '}' {
		return 0, invalid
	}
	return got, i + 1
}

// member finds the child of that name, nil if no selector asks for it. An
// escape makes a name longer than what it stands for.
func (n *jsonNode) member(r *jsonReader, key []byte) *jsonNode {
	if n.lengths>>(uint(len(key))&63)&1 != 0 {
		for i := range n.keys {
			if c := &n.keys[i]; string(key) == c.name {
				return c.node
			}
		}
	}
	if r.escapes && len(key) > n.shortest && r.hasEscape(key) {
		return n.escapedMember(key)
	}
	return nil
}

func (n *jsonNode) escapedMember(key []byte) *jsonNode {
	for i := range n.keys {
		if c := &n.keys[i]; equalDecoded(key, c.name) {
			return c.node
		}
	}
	return nil
}

// walkArray reads the array at i.
func (n *jsonNode) walkArray(r *jsonReader, b []byte, i, depth int) (got uint64, next int) {
	if depth > maxDepth {
		return 0, invalid
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return 0, i + 1
	}
	for index := 0; ; index++ {
		if i < len(b) && b[i] == 'n' {
			got |= n.isNull // validated below, as any value is
		}
		set, end := n.walkItem(r, b, i, depth, index)
		got |= set
		if i = r.afterValue(b, end); i == invalid {
			return 0, invalid
		}
		if b[i] != ',' {
			break
		}
		i = skipSpace(b, i+1)
	}
	if b[i] != ']' {
		return 0, invalid
	}
	return got, i + 1
}

// walkItem reads one element for the children it concerns; both may apply, and
// then it is read twice.
func (n *jsonNode) walkItem(r *jsonReader, b []byte, i, depth, index int) (got uint64, next int) {
	next = 0
	if n.wild != nil {
		if got, next = n.wild.walkValue(r, b, i, depth); next == invalid {
			return 0, invalid
		}
	}
	for k := range n.items {
		if n.items[k].index == index {
			set, end := n.items[k].node.walkValue(r, b, i, depth)
			return got | set, end
		}
	}
	if next == 0 {
		next = r.skipValue(b, i, depth)
	}
	return got, next
}

// checkString runs the node's checks on a string, given without its quotes.
func (n *jsonNode) checkString(r *jsonReader, raw []byte) (got uint64) {
	escaped := len(n.checks) > 0 && r.hasEscape(raw)
	for i := range n.checks {
		c := &n.checks[i]
		if c.op <= opNotEqual && c.literal.equalsString(raw, escaped) == (c.op == opEqual) {
			got |= c.bit
		}
	}
	return got
}

// checkNumber runs the node's checks on a number.
func (n *jsonNode) checkNumber(token []byte, isInt bool) (got uint64) {
	for i := range n.checks {
		c := &n.checks[i]
		if c.op <= opGreaterEqual && c.acceptsNumber(token, isInt) {
			got |= c.bit
		}
	}
	return got
}

func (c *check) acceptsNumber(token []byte, isInt bool) bool {
	l := c.literal
	if l.kind == literalNumber {
		cmp, finite := l.number.compare(token, isInt)
		return finite && c.op.accepts(cmp)
	}
	if isInt && !(len(token) == 2 && token[0] == '-') { // -0 prints as 0
		return l.equalsText(token) == (c.op == opEqual)
	}
	s := newScratch()
	s.text = appendCanonical(s.text[:0], token, isInt)
	equal := l.equalsText(s.text)
	s.free()
	return equal == (c.op == opEqual)
}

// checkWord runs the node's checks on true, false or null, given by the first
// letter.
func (n *jsonNode) checkWord(first byte) (got uint64) {
	if first == 'n' {
		got = n.isNull
	}
	for i := range n.checks {
		switch c := &n.checks[i]; {
		case c.op == opIsTrue && first == 't', c.op == opIsFalse && first == 'f', c.op == opIsNull && first == 'n':
			got |= c.bit
		}
	}
	return got
}

// equalsString reports whether a JSON string is the literal: as text, for a
// number as it was written.
func (l *literal) equalsString(raw []byte, escaped bool) bool {
	if !escaped {
		return l.equalsText(raw)
	}
	if l.kind == literalText || l.kind == literalNumber {
		return equalDecoded(raw, l.text)
	}
	s := newScratch()
	s.text = appendDecoded(s.text[:0], raw)
	equal := l.equalsText(s.text)
	s.free()
	return equal
}

// equalsText compares a decoded text with the literal.
func (l *literal) equalsText(text []byte) bool {
	switch l.kind {
	case literalGlob:
		return matchGlob(l.glob, text)
	case literalRegex:
		return l.regex.match(text)
	}
	return bytes.Equal(text, l.text)
}
