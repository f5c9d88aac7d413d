package pattern

import "slices"

// HasRegex tells whether a regular expression is anywhere in the pattern. AWS
// takes few filters with any in a log group.
func (p *Pattern) HasRegex() bool {
	isRegex := func(t test) bool { return t.literal.kind == literalRegex }
	switch p.form {
	case Regex:
		return true
	case JSON:
		return slices.ContainsFunc(p.json.tests, isRegex)
	case Space:
		return slices.ContainsFunc(p.space.tests, isRegex)
	}
	return false
}
