package pattern

// Literals are texts that every message which the pattern matches contains, all
// of them, byte for byte: whoever knows that one of them is nowhere in a text
// need not look for the pattern there. There may be none. Of a JSON pattern they
// are few, for what is in a JSON string may be written with escapes.
func (p *Pattern) Literals() [][]byte {
	n := needsOf(p)
	if n.inverted {
		return nil
	}
	var all [][]byte
	for _, c := range n.clauses {
		if len(c.literals) == 1 && c.literals[0] != "" {
			all = append(all, []byte(c.literals[0]))
		}
	}
	return all
}
