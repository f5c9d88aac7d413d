package crossregion

import (
	"errors"
	"slices"
	"strings"

	"sluice/internal/event"
)

// patterns are names with wildcards: * stands for any characters. None select
// nothing.
type patterns []string

func (p patterns) match(name string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool { return matchWildcard(pattern, name) })
}

// matchWildcard takes time in proportion to the lengths' product at worst.
func matchWildcard(pattern, name string) bool {
	literal, rest, wild := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, literal)
	if !ok || !wild {
		return ok && name == ""
	}
	for wild {
		literal, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(name, literal)
		}
		at := strings.Index(name, literal)
		if at < 0 {
			return false
		}
		name = name[at+len(literal):]
	}
	return true
}

// namePattern makes a central name of a source. Its variables are {group},
// {stream}, {account}, {region} and {source}, and AWS's ${source.logGroup},
// ${source.accountId} and ${source.region}.
type namePattern string

func (p namePattern) render(s event.Source, source string) string {
	if p == "{group}" || p == "${source.logGroup}" {
		return s.LogGroup
	}
	return strings.NewReplacer(
		"${source.logGroup}", s.LogGroup, "${source.accountId}", s.Account, "${source.region}", s.Region,
		"{group}", s.LogGroup, "{stream}", s.LogStream, "{account}", s.Account, "{region}", s.Region, "{source}", source,
	).Replace(string(p))
}

// check refuses a variable that would stand in names as it is.
func (p namePattern) check() error {
	if left := p.render(event.Source{}, ""); strings.ContainsAny(left, "{}$") {
		return errors.New("the variables are {group}, {stream}, {account}, {region} and {source}; " + string(p) + " has another one")
	}
	return nil
}
