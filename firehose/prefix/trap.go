package prefix

import "strings"

// Traps tells of pattern letters that print something else than their writer is
// likely to mean. They are valid; a message to the operator is all they deserve.
func (t *Template) Traps() (traps []string) {
	var letters strings.Builder
	for _, p := range t.parts {
		for _, f := range p.pattern {
			if f.letter != 0 {
				letters.WriteByte(f.letter)
			}
		}
	}
	used := letters.String()
	for _, trap := range []struct{ letter, unless, text string }{
		{"Y", "w", "Y is the year of the week, which differs from y around New Year"},
		{"D", "", "D is the day of the year, d the day of the month"},
		{"h", "aB", "h is the hour of a 12-hour clock, H of a 24-hour one"},
		{"K", "aB", "K is the hour of a 12-hour clock, H of a 24-hour one"},
	} {
		if strings.Contains(used, trap.letter) && !strings.ContainsAny(used, trap.unless) {
			traps = append(traps, trap.text)
		}
	}
	return traps
}
