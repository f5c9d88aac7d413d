package pattern

// jsonWalker reads one message along the trie of a group.
type jsonWalker struct {
	reader jsonReader
	facts  *facts
	// seen[node] is the number of the object in which the node was last selected
	// by name; the same number again means that the name is repeated.
	seen      []uint32
	objects   uint32
	words     []uint64
	intricate bool // see isIntricate
}

// reading is what a message turned out to be.
type reading uint8

const (
	isNotJSON reading = iota
	isObject
	// isIntricate: repeated names below a wildcard, or an object of very many
	// members under one. Facts are then not enough, and each pattern has to look
	// for itself.
	isIntricate
)

// read establishes the facts of one message.
func (w *jsonWalker) read(root *setNode, b []byte, f *facts) reading {
	n := blocks(len(b))
	if cap(w.words) < n {
		w.words = make([]uint64, n+n/4)
	}
	w.reader.quotes = w.words[:n]
	w.facts, w.intricate = f, false
	if w.objects > 1<<31 {
		clear(w.seen)
		w.objects = 0
	}
	if !w.reader.index(b) {
		return isNotJSON
	}
	f.establish(root.exists)
	end := w.object(root, b, skipSpace(b, 0), 1)
	switch {
	case end == invalid && !w.intricate, end != invalid && skipSpace(b, end) != len(b):
		return isNotJSON
	case w.intricate:
		return isIntricate
	}
	return isObject
}

// value reads the value at i, which n selects.
func (w *jsonWalker) value(n *setNode, b []byte, i, depth int) (next int) {
	if i >= len(b) {
		return invalid
	}
	w.facts.establish(n.exists)
	switch c := b[i]; {
	case c == '"':
		end := w.reader.stringEnd(i + 1)
		if end == invalid {
			return invalid
		}
		if n.values != nil {
			n.values.onString(w.facts, b[i+1:end], w.reader.escapes)
		}
		return end + 1
	case c == '{':
		if len(n.named) == 0 && n.wild == nil {
			return w.reader.skipObject(b, i, depth+1)
		}
		return w.object(n, b, i, depth+1)
	case c == '[':
		if n.items == nil && n.wild == nil && n.hasNull == noFact {
			return w.reader.skipArray(b, i, depth+1)
		}
		return w.array(n, b, i, depth+1)
	case c == '-' || isDigit(c):
		end, isInt := scanNumber(b, i)
		if end != invalid && n.values != nil {
			n.values.onNumber(w.facts, b[i:end], isInt)
		}
		return end
	case c == 't' || c == 'f' || c == 'n':
		if n.values != nil {
			n.values.onWord(w.facts, c)
		}
		if c == 'n' {
			w.facts.establish(n.hasNull)
		}
		return skipWord(b, i)
	}
	return invalid
}

// object reads the object at i. A later member of the same name replaces what
// an earlier one has established.
//
// hot: BenchmarkSet
func (w *jsonWalker) object(n *setNode, b []byte, i, depth int) (next int) {
	if depth > maxDepth {
		return invalid
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	w.objects++
	object := w.objects
	var names *nameHashes
	if n.wild != nil {
		names = new(nameHashes) // stays on the stack
	}
	for {
		keyEnd, value := w.reader.key(b, i)
		if value == invalid {
			return invalid
		}
		name := b[i+1 : keyEnd]
		if names != nil && !w.every(n.wild, b, name, value, depth, names) {
			return invalid
		}
		if child := n.member(name, w.reader.escapes); child != nil {
			if w.seen[child.id] == object {
				w.replace(child)
			}
			w.seen[child.id] = object
			i = w.value(child, b, value, depth)
		} else if value < len(b) && b[value] == '"' {
			i = w.reader.stringEnd(value+1) + 1 // invalid + 1 is 0
		} else {
			i = w.reader.skipValue(b, value, depth)
		}
		if i <= 0 {
			return invalid
		}
		if i = w.reader.afterValue(b, i); i == invalid {
			return invalid
		}
		if b[i] != ',' {
			break
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
	}
	if b[i] != '}' {
		return invalid
	}
	return i + 1
}

// every reads the value at i of the member of that name for a wildcard. False:
// it is invalid, or the names are too intricate.
func (w *jsonWalker) every(wild *setNode, b, name []byte, i, depth int, names *nameHashes) bool {
	if !names.add(name) {
		w.intricate = true
		return false
	}
	return w.value(wild, b, i, depth) != invalid
}

// replace forgets what an earlier member of the same name has established.
func (w *jsonWalker) replace(n *setNode) {
	if n.multiple {
		w.intricate = true
		return
	}
	for _, id := range n.below {
		w.facts.withdraw(id)
	}
}

// member finds the child of that name, nil if no selector asks for it. An
// escape makes a name longer than what it stands for.
func (n *setNode) member(name []byte, escapes bool) *setNode {
	if i := n.names.find(name); i >= 0 {
		return n.named[i]
	}
	if escapes && len(name) > n.short && hasEscape(name) {
		for i, s := range n.names.list {
			if equalDecoded(name, s) {
				return n.named[i]
			}
		}
	}
	return nil
}

// array reads the array at i.
func (w *jsonWalker) array(n *setNode, b []byte, i, depth int) (next int) {
	if depth > maxDepth {
		return invalid
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for index := 0; ; index++ {
		if i < len(b) && b[i] == 'n' {
			w.facts.establish(n.hasNull) // validated below, as any value is
		}
		if i = w.reader.afterValue(b, w.item(n, b, i, depth, index)); i == invalid {
			return invalid
		}
		if b[i] != ',' {
			break
		}
		i = skipSpace(b, i+1)
	}
	if b[i] != ']' {
		return invalid
	}
	return i + 1
}

// item reads one element for the children it concerns; both may apply, and then
// it is read twice.
func (w *jsonWalker) item(n *setNode, b []byte, i, depth, index int) (next int) {
	if n.wild != nil {
		if next = w.value(n.wild, b, i, depth); next == invalid {
			return invalid
		}
	}
	for k := range n.items {
		if n.items[k].index == index {
			return w.value(n.items[k].node, b, i, depth)
		}
	}
	if next == 0 {
		next = w.reader.skipValue(b, i, depth)
	}
	return next
}

// nameHashes notes the names of one object under a wildcard.
type nameHashes struct {
	seen  [fewMembers]uint32
	count int
}

// add notes a name; false: it may be one of those noted, or there are too many.
func (h *nameHashes) add(name []byte) bool {
	hash := shortHash(name)
	if h.count == fewMembers || hasEscape(name) || contains(h.seen[:h.count], hash) {
		return false
	}
	h.seen[h.count] = hash
	h.count++
	return true
}
