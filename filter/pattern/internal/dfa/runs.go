package dfa

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// runs returns the runs of places with a fixed set of bytes each that every match
// contains, such as a 5, two digits and a blank. whole says that there is but one
// and that it is all of the expression.
func runs(tree *syntax.Regexp) (found [][][]byte, whole bool) {
	c := runCollector{whole: true}
	c.visit(tree)
	c.stop()
	return c.runs, c.whole && len(c.runs) == 1
}

// runCollector reads the parts of a concatenation from left to right.
type runCollector struct {
	runs  [][][]byte
	run   [][]byte // the one under way
	whole bool     // nothing but a run so far
}

// stop ends the run under way.
func (c *runCollector) stop() {
	if len(c.run) > 0 {
		c.runs = append(c.runs, c.run)
		c.run = nil
	}
}

// gap ends the run where something of another kind stands.
func (c *runCollector) gap() {
	c.stop()
	c.whole = false
}

func (c *runCollector) visit(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			c.visit(sub)
		}
		return
	case syntax.OpPlus: // once, and perhaps again
		c.visit(re.Sub[0])
	case syntax.OpLiteral:
		// A literal U+FFFD also matches invalid bytes.
		if re.Flags&syntax.FoldCase == 0 && !slices.Contains(re.Rune, utf8.RuneError) {
			for _, b := range []byte(string(re.Rune)) {
				c.run = append(c.run, []byte{b})
			}
			return
		}
	case syntax.OpCharClass:
		if n := len(re.Rune); n > 0 && re.Rune[n-1] < utf8.RuneSelf {
			c.run = append(c.run, classBytes(re.Rune))
			return
		}
	}
	c.gap()
}

// classBytes lists the members of a class within ASCII.
func classBytes(ranges []rune) []byte {
	var class []byte
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			class = append(class, byte(r))
		}
	}
	return class
}
