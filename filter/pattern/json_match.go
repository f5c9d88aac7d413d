package pattern

import "bytes"

// match reports whether the message is one JSON object and satisfies the
// conditions.
//
// hot: BenchmarkMatch
func (j *jsonPattern) match(message []byte) bool {
	if j.plan.simple {
		got, ok := walkMessage(j.plan.tries[0], message)
		return ok && got&j.plan.all == j.plan.all && got&j.plan.none == 0
	}
	var set [maxTries]uint64
	return j.evaluate(message, &set) && j.plan.holds(j.root, &set)
}

// evaluate walks every trie; false means that the message is not JSON.
func (j *jsonPattern) evaluate(message []byte, set *[maxTries]uint64) bool {
	for i, trie := range j.plan.tries {
		got, ok := walkMessage(trie, message)
		if !ok {
			return false
		}
		set[i] = got
	}
	return true
}

// walkMessage reads the whole message and returns the bits its values set.
func walkMessage(n *jsonNode, b []byte) (got uint64, ok bool) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return 0, false
	}
	got, i = n.walkObject(b, i, 1)
	if i == invalid || skipSpace(b, i) != len(b) {
		return 0, false
	}
	return got | n.exists, true
}

// walkValue reads the value at i, which the node selects.
func (n *jsonNode) walkValue(b []byte, i, depth int) (got uint64, next int) {
	if i >= len(b) {
		return 0, invalid
	}
	switch c := b[i]; {
	case c == '"':
		end, escaped := scanString(b, i+1)
		if end == invalid {
			return 0, invalid
		}
		got, next = n.checkString(b[i+1:end], escaped), end+1
	case c == '{':
		if n.keys == nil && n.wild == nil {
			next = skipObject(b, i, depth+1)
		} else {
			got, next = n.walkObject(b, i, depth+1)
		}
	case c == '[':
		if n.items == nil && n.wild == nil && n.isNull == 0 {
			next = skipArray(b, i, depth+1)
		} else {
			got, next = n.walkArray(b, i, depth+1)
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
func (n *jsonNode) walkObject(b []byte, i, depth int) (got uint64, next int) {
	if n.wild != nil {
		return n.walkEveryMember(b, i, depth)
	}
	if depth > maxDepth {
		return 0, invalid
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return 0, i + 1
	}
	for {
		keyStart := i + 1
		keyEnd, escaped, value := scanKey(b, i)
		if value == invalid {
			return 0, invalid
		}
		var child *jsonNode
		if escaped || n.lengths>>(uint(keyEnd-keyStart)&63)&1 != 0 {
			child = n.member(b[keyStart:keyEnd], escaped)
		}
		if child == nil {
			i = skipValue(b, value, depth)
		} else {
			var set uint64
			set, i = child.walkValue(b, value, depth)
			got = got&^child.subtree | set
		}
		if i == invalid {
			return 0, invalid
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if i >= len(b) {
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

// member finds the child of that name, nil if no selector asks for it.
func (n *jsonNode) member(key []byte, escaped bool) *jsonNode {
	for i := range n.keys {
		c := &n.keys[i]
		if string(key) == c.name || escaped && equalDecoded(key, c.name) {
			return c.node
		}
	}
	return nil
}

// walkArray reads the array at i.
func (n *jsonNode) walkArray(b []byte, i, depth int) (got uint64, next int) {
	if depth > maxDepth {
		return 0, invalid
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return 0, i + 1
	}
	for index := 0; ; index++ {
		if i < len(b) && b[i] == 'n' {
			got |= n.isNull // validated below, as any value is
		}
		set, end := n.walkItem(b, i, depth, index)
		if end == invalid {
			return 0, invalid
		}
		got |= set
		if i = skipSpace(b, end); i >= len(b) {
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
func (n *jsonNode) walkItem(b []byte, i, depth, index int) (got uint64, next int) {
	next = 0
	if n.wild != nil {
		if got, next = n.wild.walkValue(b, i, depth); next == invalid {
			return 0, invalid
		}
	}
	for k := range n.items {
		if n.items[k].index == index {
			set, end := n.items[k].node.walkValue(b, i, depth)
			return got | set, end
		}
	}
	if next == 0 {
		next = skipValue(b, i, depth)
	}
	return got, next
}

// checkString runs the node's checks on a string, given without its quotes.
func (n *jsonNode) checkString(raw []byte, escaped bool) (got uint64) {
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
