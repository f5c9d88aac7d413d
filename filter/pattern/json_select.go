package pattern

// This file finds the nodes that a selector leads to, for Extract, Explain and
// Lint. The walk for Match does not need their positions.

// withReader indexes a message and calls use on a reader for it; i is where the
// object starts. It does nothing if the message cannot be JSON.
func withReader(message []byte, use func(r *jsonReader, i int)) {
	i := skipSpace(message, 0)
	if i >= len(message) || message[i] != '{' {
		return
	}
	s := newScratch()
	defer s.free()
	r := jsonReader{quotes: s.words(blocks(len(message)))}
	if r.index(message) {
		use(&r, i)
	}
}

func extractJSON(dst []Value, buf, message []byte, selectors []*Selector) ([]Value, []byte) {
	s := newScratch()
	defer s.free()
	r := jsonReader{quotes: s.words(blocks(len(message)))}
	start := skipSpace(message, 0)
	readable := start < len(message) && message[start] == '{' && r.index(message)
	for _, sel := range selectors {
		v := Value{}
		if readable && sel.form == JSON {
			if i := r.selectOne(message, start, sel.path.steps); i != invalid {
				v, buf = r.value(message, i, buf)
			}
		}
		dst = append(dst, v)
	}
	return dst, buf
}

// selectOne follows steps without a wildcard from the object at i and returns
// where their value starts, or invalid.
func (r *jsonReader) selectOne(b []byte, i int, steps []step) int {
	for depth, st := range steps {
		switch {
		case b[i] == '{' && st.kind == stepKey:
			i = r.lastMember(b, i, depth+1, st.key)
		case b[i] == '[' && st.kind == stepIndex:
			i = r.item(b, i, depth+1, st.index)
		default:
			return invalid
		}
		if i == invalid {
			return invalid
		}
	}
	return i
}

// lastMember returns where the value of the last member of that name starts in
// the object at i.
func (r *jsonReader) lastMember(b []byte, i, depth int, name string) int {
	found := invalid
	for i = skipSpace(b, i+1); ; i = skipSpace(b, i+1) {
		end, value := r.key(b, i)
		if value == invalid {
			return found // the object is empty
		}
		next := r.skipValue(b, value, depth)
		if next == invalid {
			return invalid
		}
		if key := b[i+1 : end]; string(key) == name || r.hasEscape(key) && equalDecoded(key, name) {
			found = value
		}
		if i = r.afterValue(b, next); i == invalid || b[i] != ',' {
			return found
		}
	}
}

// item returns where element n of the array at i starts.
func (r *jsonReader) item(b []byte, i, depth, n int) int {
	for i = skipSpace(b, i+1); ; i = skipSpace(b, i+1) {
		end := r.skipValue(b, i, depth)
		if end == invalid {
			return invalid // the array is empty
		}
		if n == 0 {
			return i
		}
		n--
		if i = r.afterValue(b, end); i == invalid || b[i] != ',' {
			return invalid
		}
	}
}

// selectAll appends where the values start that steps lead to from the value at
// i.
func (r *jsonReader) selectAll(dst []int, b []byte, i, depth int, steps []step) []int {
	if len(steps) == 0 {
		return append(dst, i)
	}
	if steps[0].kind == stepWild {
		for _, child := range r.children(b, i, depth) {
			dst = r.selectAll(dst, b, child, depth+1, steps[1:])
		}
		return dst
	}
	next := invalid
	switch {
	case b[i] == '{' && steps[0].kind == stepKey:
		next = r.lastMember(b, i, depth, steps[0].key)
	case b[i] == '[' && steps[0].kind == stepIndex:
		next = r.item(b, i, depth, steps[0].index)
	}
	if next == invalid {
		return dst
	}
	return r.selectAll(dst, b, next, depth+1, steps[1:])
}

// children returns where the values in the container at i start, of members
// with the same name the last only.
func (r *jsonReader) children(b []byte, i, depth int) (starts []int) {
	switch b[i] {
	case '[':
		for i = skipSpace(b, i+1); ; i = skipSpace(b, i+1) {
			end := r.skipValue(b, i, depth)
			if end == invalid {
				return nil // the array is empty
			}
			starts = append(starts, i)
			if i = r.afterValue(b, end); i == invalid || b[i] != ',' {
				return starts
			}
		}
	case '{':
		s := newScratch()
		defer s.free()
		if s.listMembers(r, b, i, depth) == invalid {
			return nil
		}
		s.strikeReplaced(b)
		for _, m := range s.members {
			if !m.replaced {
				starts = append(starts, m.value)
			}
		}
	}
	return starts
}

// value reads the value at i. Text that has to be made is appended to buf.
func (r *jsonReader) value(b []byte, i int, buf []byte) (Value, []byte) {
	switch c := b[i]; {
	case c == '"':
		raw := b[i+1 : r.stringEnd(i+1)]
		if !r.hasEscape(raw) {
			return Value{ValueText, raw}, buf
		}
		start := len(buf)
		buf = appendDecoded(buf, raw)
		return Value{ValueText, buf[start:]}, buf
	case c == '{' || c == '[':
		return Value{ValueComposite, b[i:max(i, r.skipValue(b, i, 0))]}, buf
	case c == 'n':
		return Value{ValueNull, b[i : i+4]}, buf
	case c == 't' || c == 'f':
		return Value{ValueBool, b[i:skipWord(b, i)]}, buf
	}
	end, isInt := scanNumber(b, i)
	if isInt && string(b[i:end]) != "-0" {
		return Value{ValueNumber, b[i:end]}, buf
	}
	start := len(buf)
	buf = appendCanonical(buf, b[i:end], isInt)
	return Value{ValueNumber, buf[start:]}, buf
}
