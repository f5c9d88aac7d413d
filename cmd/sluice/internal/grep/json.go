package grep

import (
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// appendString appends text as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendString[Bytes ~[]byte | ~string](dst []byte, text Bytes) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// appendObjects appends selected lines as objects:
//
//	{"file":"a.log","line":3,"message":"...","patterns":["..."],"fields":{"$ip":"..."}}
//
// patterns are those that match; fields is there if a space-delimited one does,
// and the first that has a field counts.
func (w *worker) appendObjects(in *input, dst []byte) []byte {
	numbers := lineNumbers{text: w.block.text, number: w.block.first}
	clear(w.cursors)
	for _, x := range w.spans {
		n := numbers.at(x.start)
		line := w.block.text[x.start : x.end-1]
		dst = strconv.AppendInt(append(dst, in.prefix...), n, 10)
		dst = appendString(append(dst, `,"message":`...), line)
		dst = w.appendPatterns(append(dst, `,"patterns":[`...), uint32(n-w.block.first), line)
		dst = append(dst, "}\n"...)
	}
	return dst
}

// appendPatterns appends the patterns that match line i of the block, which must
// not fall from call to call, and the fields they name.
func (w *worker) appendPatterns(dst []byte, i uint32, line []byte) []byte {
	var fields map[string]string
	begin := len(dst)
	for p := range w.s.cfg.Patterns {
		if !w.matched(p, i) {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		dst = append(dst, w.s.quoted[p]...)
		fields = w.s.addFields(fields, p, line)
	}
	dst = append(dst, ']')
	if fields == nil {
		return dst
	}
	return appendFields(append(dst, `,"fields":`...), fields)
}

// matched tells whether pattern p matches line i. Without inversion the only
// pattern of a search matches every selected line.
func (w *worker) matched(p int, i uint32) bool {
	if len(w.s.cfg.Patterns) == 1 {
		return !w.s.cfg.Invert
	}
	list, k := w.matches.Of(p), w.cursors[p]
	for k < len(list) && list[k] < i {
		k++
	}
	w.cursors[p] = k
	return k < len(list) && list[k] == i
}

// addFields adds what a space-delimited pattern extracts from a line it matches.
func (s *Search) addFields(fields map[string]string, p int, line []byte) map[string]string {
	found := s.cfg.Patterns[p].Fields(line)
	if len(found) == 0 {
		return fields
	}
	if fields == nil {
		return found
	}
	for name, value := range found {
		if _, taken := fields[name]; !taken {
			fields[name] = value
		}
	}
	return fields
}

func appendFields(dst []byte, fields map[string]string) []byte {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, name), ':')
		dst = appendString(dst, fields[name])
	}
	return append(dst, '}')
}
