package pattern

import (
	"bytes"
	"math/bits"
)

// token is one word of a message: its content is [start:end), and it begins at
// raw, which differs from start where a quote or bracket was dropped.
type token struct {
	raw, start, end int
}

// tokenizer splits a message at blanks, tabs and newlines. A token that starts
// with a quote runs to the next quote, one that starts with [ to the next ];
// without a closing one the character is ordinary.
type tokenizer struct {
	b   []byte
	pos int
	// no closing quote, no closing bracket from here on: found out once
	noQuote, noBracket bool

	stops uint64 // where the 64 bytes from base on have separators
	base  int    // a multiple of 64
}

func newTokenizer(b []byte) tokenizer { return tokenizer{b: b, base: -blockSize} }

func isSeparator(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// more skips separators and reports whether a token follows.
func (t *tokenizer) more() bool {
	for t.pos < len(t.b) && isSeparator(t.b[t.pos]) {
		t.pos++
	}
	return t.pos < len(t.b)
}

// next reads the token at pos, where more has stopped.
func (t *tokenizer) next() token {
	raw := t.pos
	if c := t.b[raw]; c == '"' || c == '[' {
		if end := t.closer(c); end >= 0 {
			t.pos = end + 1
			return token{raw, raw + 1, end}
		}
	}
	t.pos = t.separator(raw + 1)
	return token{raw, raw, t.pos}
}

// skip is next for a token nobody looks at.
func (t *tokenizer) skip() {
	if c := t.b[t.pos]; c == '"' || c == '[' {
		t.next()
		return
	}
	t.pos = t.separator(t.pos + 1)
}

// closer finds the counterpart of the delimiter at pos, -1 if there is none.
func (t *tokenizer) closer(opener byte) int {
	missing, closing := &t.noQuote, byte('"')
	if opener == '[' {
		missing, closing = &t.noBracket, ']'
	}
	if *missing {
		return -1
	}
	n := bytes.IndexByte(t.b[t.pos+1:], closing)
	if n < 0 {
		*missing = true
		return -1
	}
	return t.pos + 1 + n
}

// separator returns the index of the first separator at or after i, at most the
// length of the message.
func (t *tokenizer) separator(i int) int {
	if d := uint(i - t.base); d < blockSize {
		if w := t.stops >> d; w != 0 {
			return i + bits.TrailingZeros64(w)
		}
	}
	return t.farSeparator(i)
}

// farSeparator moves on block by block. Looking at 64 bytes at once and hopping
// over the marks is faster than a loop over each token, whose end the processor
// guesses wrong most of the time.
//
// hot: BenchmarkMatch
func (t *tokenizer) farSeparator(i int) int {
	for i < len(t.b) {
		if base := i &^ (blockSize - 1); base != t.base {
			var short [blockSize]byte
			chunk, surplus := blockAt(t.b, base, &short)
			t.base, t.stops = base, separatorMarks(chunk)>>surplus
		}
		if w := t.stops >> (uint(i) & 63); w != 0 {
			return i + bits.TrailingZeros64(w)
		}
		i = t.base + blockSize
	}
	return len(t.b)
}

// mayMatch reports whether the message has the pattern's rare literal.
func (s *spacePattern) mayMatch(message []byte) bool {
	return s.rare == nil || s.rare.Index(message) >= 0
}

// match binds tokens to fields and stops at the first condition that fails.
func (s *spacePattern) match(message []byte) bool {
	if s.all {
		return true
	}
	t := newTokenizer(message)
	if s.ellipsis < 0 {
		return s.matchAligned(&t)
	}
	for i := range s.fields[:s.ellipsis] {
		if !t.more() {
			return false
		}
		if tok := t.next(); !s.accepts(i, message[tok.start:tok.end]) {
			return false
		}
	}
	return s.matchRight(&t)
}

// matchAligned matches a pattern without `...`: field i is token i, and the last
// field takes the rest of the message if there are more tokens than fields.
func (s *spacePattern) matchAligned(t *tokenizer) bool {
	last := len(s.fields) - 1
	for i := range last {
		if !t.more() {
			return false
		}
		cond := s.fields[i].cond
		if cond == nil {
			t.skip()
			continue
		}
		if tok := t.next(); !s.holds(cond, t.b[tok.start:tok.end]) {
			return false
		}
	}
	if !t.more() {
		return false
	}
	if s.lastTest < last {
		return true
	}
	start, end := t.last()
	return s.accepts(last, t.b[start:end])
}

// last reads the token for the last field of an aligned pattern: its content if
// it is the last token, otherwise everything from where it begins.
func (t *tokenizer) last() (start, end int) {
	tok := t.next()
	if t.more() {
		return tok.raw, len(t.b)
	}
	return tok.start, tok.end
}

// stackTokens is how many fields after `...` are kept without a scratch.
const stackTokens = 16

// matchRight matches the fields after `...` with the last tokens.
func (s *spacePattern) matchRight(t *tokenizer) bool {
	right := s.fields[s.ellipsis:]
	if s.lastTest < s.ellipsis {
		return t.count(len(right))
	}
	var ring [stackTokens]token
	if len(right) <= stackTokens {
		return s.acceptsRight(t, ring[:len(right)])
	}
	sc := newScratch()
	defer sc.free()
	if cap(sc.tokens) < len(right) {
		sc.tokens = make([]token, maxLength)
	}
	return s.acceptsRight(t, sc.tokens[:len(right)])
}

// count reports whether at least n tokens are left.
func (t *tokenizer) count(n int) bool {
	for ; n > 0; n-- {
		if !t.more() {
			return false
		}
		t.skip()
	}
	return true
}

// acceptsRight reads all tokens, keeping the last ones in ring.
func (s *spacePattern) acceptsRight(t *tokenizer, ring []token) bool {
	count, slot := 0, 0
	for t.more() {
		ring[slot] = t.next()
		count++
		if slot++; slot == len(ring) {
			slot = 0
		}
	}
	if count < len(ring) {
		return false
	}
	for i := range ring {
		tok := ring[slot]
		if !s.accepts(s.ellipsis+i, t.b[tok.start:tok.end]) {
			return false
		}
		if slot++; slot == len(ring) {
			slot = 0
		}
	}
	return true
}

// accepts evaluates the condition of field i, if any.
func (s *spacePattern) accepts(i int, text []byte) bool {
	cond := s.fields[i].cond
	return cond == nil || s.holds(cond, text)
}

func (s *spacePattern) holds(e *expr, text []byte) bool {
	if e.op == exprTest {
		return s.tests[e.test].acceptsToken(text)
	}
	for _, kid := range e.kids {
		if s.holds(kid, text) == (e.op == exprOr) {
			return e.op == exprOr
		}
	}
	return e.op == exprAnd
}

// acceptsToken compares a token with the literal: as numbers if both are, else
// as text. A token that is no finite number fails < <= > >=.
func (t *test) acceptsToken(text []byte) bool {
	if t.literal.kind == literalNumber {
		if shape, ok := numberShape(text); ok {
			if cmp, finite := t.literal.number.compare(text, shape.isInt); finite {
				return t.op.accepts(cmp)
			}
		}
		if t.op.ordered() {
			return false
		}
	}
	return t.literal.equalsText(text) == (t.op == opEqual)
}
