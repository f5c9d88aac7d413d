package pattern

import (
	"sync"

	find "sluice/filter/pattern/internal/literal"
)

// This file is the compiled representation. Parsers (parse*.go) build it, and
// every matcher reads it: the single-message one (match_*.go), the batch one
// (batch*.go), Set (set*.go), Explain and Lint. After Compile returned, nothing
// in here changes but the batch plan, which is made once when it is first needed,
// so a Pattern may be shared by any number of goroutines.
//
// Offsets are byte offsets in Pattern.text.

// Pattern is one compiled filter pattern. Exactly the member that belongs to
// form is set: terms, regex, json or space; none for MatchAll.
type Pattern struct {
	text string
	form Form

	terms *termPattern
	regex *regex
	json  *jsonPattern
	space *spacePattern

	planOnce sync.Once // guards the making of plan
	plan     *batchPlan
}

// termPattern is `ERROR -"two words" ?WARN`. The effective rule is already
// folded in by the parser:
//
//	every include occurs, no exclude occurs, and if anyOf is not empty at
//	least one of it occurs.
//
// ignored holds the `?` terms that AWS ignores because an include or exclude
// stands beside them; only Explain and Lint look at it.
type termPattern struct {
	include []term // longest first; duplicates removed
	exclude []term
	anyOf   []term
	ignored []term
}

// term is one literal, never empty, quotes and escapes removed.
type term struct {
	text   []byte
	offset int
	quoted bool
}

// jsonPattern is `{ ... }`: a condition tree over tests.
type jsonPattern struct {
	tests []test
	root  *expr
	plan  *jsonPlan // the same thing, laid out for one walk over the message
}

// spacePattern is `[ ... ]`.
type spacePattern struct {
	fields []field
	tests  []test // of all fields; field.cond points into it

	// ellipsis is the number of fields before `...`, or -1 without one. Those
	// bind to tokens from the left, the others from the right. Without an
	// ellipsis the last field takes the rest of the message. all marks `[]`,
	// which has no field and matches everything.
	ellipsis int
	all      bool

	// lastTest is the highest index of a field with a condition, -1 if none.
	lastTest int

	// rare, if not nil, finds a literal that every match contains and few other
	// messages do: most are then decided without being split.
	rare *find.Finder
}

// field is one position of a space pattern; name is "" for an unnamed one and
// cond is nil where nothing is asked of the token.
type field struct {
	name   string
	offset int
	cond   *expr
}

// expr is one node of a condition tree.
type expr struct {
	op   exprOp
	kids []*expr // exprAnd, exprOr: two or more
	test int     // exprTest: index in tests
}

type exprOp uint8

const (
	exprTest exprOp = iota
	exprAnd
	exprOr
)

// test is one comparison. In a space pattern selector has no steps: the value
// tested is the field's token.
type test struct {
	selector selector
	op       testOp
	literal  literal // zero for the tests that take none (IS ..., NOT EXISTS)
	offset   int     // where its text starts
	end      int     // and ends
}

type testOp uint8

const (
	opEqual testOp = iota
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opIsNull
	opIsTrue
	opIsFalse
	opNotExists
)

// ordered reports whether op is one of < <= > >=.
func (op testOp) ordered() bool { return op >= opLess && op <= opGreaterEqual }

// accepts reports whether op (a comparison) holds for a value that compares as
// cmp (-1, 0, 1) with the literal.
func (op testOp) accepts(cmp int) bool {
	switch op {
	case opEqual:
		return cmp == 0
	case opNotEqual:
		return cmp != 0
	case opLess:
		return cmp < 0
	case opLessEqual:
		return cmp <= 0
	case opGreater:
		return cmp > 0
	case opGreaterEqual:
		return cmp >= 0
	}
	return false
}

func (op testOp) String() string {
	return [...]string{"=", "!=", "<", "<=", ">", ">=", "IS NULL", "IS TRUE", "IS FALSE", "NOT EXISTS"}[op]
}

// selector is `$.a[0].*`. steps is never empty in a JSON pattern. wild is the
// index of its only wildcard step, or -1.
type selector struct {
	steps  []step
	wild   int
	text   string // as written
	offset int
}

type step struct {
	kind  stepKind
	key   string // stepKey: the decoded member name
	index int    // stepIndex: zero-based
}

type stepKind uint8

const (
	stepKey   stepKind = iota // .name or .['name']
	stepIndex                 // [n]
	stepWild                  // [*] or .*
)

// literal is the right-hand side of a comparison.
type literal struct {
	kind   literalKind
	text   []byte // number: as written; text, glob: quotes and escapes removed; regex: between the percent signs
	quoted bool

	number numberLiteral // literalNumber
	glob   [][]byte      // literalGlob: the pieces between the stars, two or more, may be empty
	regex  *regex        // literalRegex
}

type literalKind uint8

const (
	literalNone literalKind = iota
	// literalNumber is an unquoted number. Against a JSON number (or a space
	// token that looks like one) it compares as a number, otherwise as text.
	literalNumber
	// literalText is quoted, or unquoted and not a number.
	literalText
	// literalGlob holds at least one star.
	literalGlob
	literalRegex
)
