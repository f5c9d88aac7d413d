package pattern

import "hash/maphash"

// A wildcard selects every member of an object, but of members with the same
// name only the last. walkEveryMember assumes that names differ, which it checks
// by their hashes as it goes; if two may be equal, or there are many, it starts
// the object over and reads it in two passes.

// fewMembers is how many members are compared pairwise.
const fewMembers = 32

// walkEveryMember reads the object at i for a node with a wildcard.
func (n *jsonNode) walkEveryMember(r *jsonReader, b []byte, i, depth int) (got uint64, next int) {
	if depth > maxDepth {
		return 0, invalid
	}
	start := i
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return 0, i + 1
	}
	var seen [fewMembers]uint32
	for count := 0; ; count++ {
		keyEnd, value := r.key(b, i)
		if value == invalid {
			return 0, invalid
		}
		key := b[i+1 : keyEnd]
		hash := shortHash(key)
		if count == fewMembers || contains(seen[:count], hash) || r.hasEscape(key) {
			return n.walkLastMembers(r, b, start, depth)
		}
		seen[count] = hash
		set, end := n.walkMember(r, b, key, value, depth)
		got |= set
		if i = r.afterValue(b, end); i == invalid {
			return 0, invalid
		}
		if b[i] != ',' {
			break
		}
		i = skipSpace(b, i+1)
	}
	if b[i] != '}' {
		return 0, invalid
	}
	return got, i + 1
}

// walkMember reads one member's value for the wildcard and, if some selector
// names it, once more for that.
func (n *jsonNode) walkMember(r *jsonReader, b, key []byte, value, depth int) (got uint64, next int) {
	got, next = n.wild.walkValue(r, b, value, depth)
	if next == invalid {
		return 0, invalid
	}
	if child := n.member(r, key); child != nil {
		set, end := child.walkValue(r, b, value, depth)
		return got | set, end
	}
	return got, next
}

// shortHash mixes the ends and the length of a name: cheap, and good enough to
// say "different".
func shortHash(key []byte) uint32 {
	h := uint32(len(key)) * 0x9E3779B1
	for _, c := range key {
		h = (h ^ uint32(c)) * 0x01000193
	}
	return h
}

func contains(seen []uint32, hash uint32) bool {
	for _, h := range seen {
		if h == hash {
			return true
		}
	}
	return false
}

// member of an object as walkLastMembers notes it down.
type memberSpan struct {
	keyStart, keyEnd, value int
	hash                    uint64
	escaped                 bool
	replaced                bool
}

var memberSeed = maphash.MakeSeed()

// walkLastMembers notes down every member, strikes out those that a later one
// replaces, and walks the rest: linear in the members whatever their names.
func (n *jsonNode) walkLastMembers(r *jsonReader, b []byte, i, depth int) (got uint64, next int) {
	s := newScratch()
	defer s.free()
	if next = s.listMembers(r, b, i, depth); next == invalid {
		return 0, invalid
	}
	s.strikeReplaced(b)
	// A nested object that gets here takes a scratch of its own.
	for k := range s.members {
		if m := &s.members[k]; !m.replaced {
			set, end := n.walkMember(r, b, b[m.keyStart:m.keyEnd], m.value, depth)
			if end == invalid {
				return 0, invalid
			}
			got |= set
		}
	}
	return got, next
}

// listMembers fills s.members from the object at i.
func (s *scratch) listMembers(r *jsonReader, b []byte, i, depth int) (next int) {
	s.members = s.members[:0]
	for i = skipSpace(b, i+1); ; i = skipSpace(b, i+1) {
		keyEnd, value := r.key(b, i)
		if value == invalid {
			return invalid
		}
		key := b[i+1 : keyEnd]
		m := memberSpan{keyStart: i + 1, keyEnd: keyEnd, value: value, escaped: r.hasEscape(key)}
		if m.escaped {
			s.text = appendDecoded(s.text[:0], key)
			key = s.text
		}
		m.hash = maphash.Bytes(memberSeed, key)
		s.members = append(s.members, m)
		if i = r.afterValue(b, r.skipValue(b, value, depth)); i == invalid {
			return invalid
		}
		if b[i] != ',' {
			break
		}
	}
	if b[i] != '}' {
		return invalid
	}
	return i + 1
}

// strikeReplaced marks members whose name occurs again later, from the last to
// the first with an open-addressed table of members kept so far.
func (s *scratch) strikeReplaced(b []byte) {
	size := 64
	for size < 2*len(s.members) {
		size *= 2
	}
	if cap(s.table) < size {
		s.table = make([]int32, size)
	}
	s.table = s.table[:size]
	clear(s.table)
	for k := len(s.members) - 1; k >= 0; k-- {
		m := &s.members[k]
		slot := int(m.hash) & (size - 1)
		for s.table[slot] != 0 && !m.replaced {
			m.replaced = s.sameName(b, m, &s.members[s.table[slot]-1])
			slot = (slot + 1) & (size - 1)
		}
		if !m.replaced {
			s.table[slot] = int32(k + 1)
		}
	}
}

func (s *scratch) sameName(b []byte, m, o *memberSpan) bool {
	if m.hash != o.hash {
		return false
	}
	mKey, oKey := b[m.keyStart:m.keyEnd], b[o.keyStart:o.keyEnd]
	if m.escaped {
		s.text = appendDecoded(s.text[:0], mKey)
		mKey = s.text
	}
	if o.escaped {
		return equalDecoded(oKey, mKey)
	}
	return string(mKey) == string(oKey)
}
