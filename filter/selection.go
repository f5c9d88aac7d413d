package filter

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/event"
)

// Selection is a compiled fieldSelectionCriteria: a condition on where events
// come from.
//
//	criteria  = term { OR term }
//	term      = factor { AND factor }
//	factor    = "(" criteria ")" | field ("=" | "!=") value
//	          | field [NOT] IN "[" value { "," value } "]"
//	field     = @aws.account | @aws.region | @source.log
//	value     = "text" | 'text' | a word
//
// Words of the language are read in any case. A source is a batch's, so it is
// evaluated once for a batch.
type Selection struct{ root condition }

// condition is a node of a Selection.
type condition interface{ selects(s event.Source) bool }

type (
	anyOf  []condition
	allOf  []condition
	within struct {
		field  string
		values []string
		not    bool
	}
)

func (c anyOf) selects(s event.Source) bool {
	return slices.ContainsFunc(c, func(c condition) bool { return c.selects(s) })
}

func (c allOf) selects(s event.Source) bool {
	return !slices.ContainsFunc(c, func(c condition) bool { return !c.selects(s) })
}

func (c within) selects(s event.Source) bool {
	return slices.Contains(c.values, systemField(s, c.field)) != c.not
}

// The system fields, which only a source has.
const (
	fieldAccount = "@aws.account"
	fieldRegion  = "@aws.region"
	fieldLog     = "@source.log"
)

func systemField(s event.Source, field string) string {
	switch field {
	case fieldAccount:
		return s.Account
	case fieldRegion:
		return s.Region
	}
	return s.LogGroup
}

// Selects tells whether events of a source are wanted. A nil Selection wants all.
func (s *Selection) Selects(source event.Source) bool {
	return s == nil || s.root.selects(source)
}

// maxNesting bounds the parentheses of a criteria.
const maxNesting = 32

// ParseSelection compiles a fieldSelectionCriteria; nil for an empty one.
func ParseSelection(text string) (*Selection, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	p := selectionParser{text: text}
	p.next()
	root, err := p.criteria(0)
	if err == nil && p.token != "" {
		err = p.unexpected("AND, OR or the end")
	}
	if err != nil {
		return nil, fmt.Errorf("parse field selection: %w", err)
	}
	return &Selection{root}, nil
}

// selectionParser reads one token ahead: "" is the end, a value keeps its opening
// quote.
type selectionParser struct {
	text  string
	at    int // behind token
	token string
}

func (p *selectionParser) unexpected(want string) error {
	if p.token == "" {
		return fmt.Errorf("expected %s at the end", want)
	}
	return fmt.Errorf("expected %s at offset %d, found %q", want, p.at-len(p.token), p.token)
}

// next reads a token: punctuation, a quoted value or a word.
func (p *selectionParser) next() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	from := p.at
	switch rest := p.text[p.at:]; {
	case rest == "":
	case rest[0] == '"' || rest[0] == '\'':
		end := strings.IndexByte(rest[1:], rest[0])
		if end < 0 {
			p.at = len(p.text)
		} else {
			p.at += end + 2
		}
	case strings.HasPrefix(rest, "!="):
		p.at += 2
	case strings.IndexByte("()[],=!", rest[0]) >= 0:
		p.at++
	default:
		n := strings.IndexAny(rest, " \t\r\n()[],=!\"'")
		if n < 0 {
			n = len(rest)
		}
		p.at += n
	}
	p.token = p.text[from:p.at]
}

// take steps over a token if it is there.
func (p *selectionParser) take(word string) bool {
	if !strings.EqualFold(p.token, word) {
		return false
	}
	p.next()
	return true
}

func (p *selectionParser) criteria(depth int) (condition, error) {
	return p.chain("OR", depth, (*selectionParser).term, func(all []condition) condition { return anyOf(all) })
}

func (p *selectionParser) term(depth int) (condition, error) {
	return p.chain("AND", depth, (*selectionParser).factor, func(all []condition) condition { return allOf(all) })
}

// chain reads conditions with a word between them.
func (p *selectionParser) chain(word string, depth int, one func(*selectionParser, int) (condition, error), join func([]condition) condition) (condition, error) {
	var all []condition
	for {
		c, err := one(p, depth)
		if err != nil {
			return nil, err
		}
		if all = append(all, c); !p.take(word) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

func (p *selectionParser) factor(depth int) (condition, error) {
	if p.take("(") {
		if depth == maxNesting {
			return nil, fmt.Errorf("more than %d parentheses in each other", maxNesting)
		}
		c, err := p.criteria(depth + 1)
		if err == nil && !p.take(")") {
			err = p.unexpected(`")"`)
		}
		return c, err
	}
	c := within{field: p.token}
	switch p.token {
	case fieldAccount, fieldRegion, fieldLog:
		p.next()
	default:
		return nil, p.unexpected(fieldAccount + ", " + fieldRegion + " or " + fieldLog)
	}
	return p.comparison(c)
}

func (p *selectionParser) comparison(c within) (condition, error) {
	switch {
	case p.take("="):
		return p.one(c)
	case p.take("!="):
		c.not = true
		return p.one(c)
	}
	c.not = p.take("NOT")
	if !p.take("IN") {
		return nil, p.unexpected("=, !=, IN or NOT IN")
	}
	if !p.take("[") {
		return nil, p.unexpected(`"["`)
	}
	for {
		var err error
		if c, err = p.one(c); err != nil {
			return nil, err
		}
		if p.take("]") {
			return c, nil
		}
		if !p.take(",") {
			return nil, p.unexpected(`"," or "]"`)
		}
	}
}

// one adds the value at hand.
func (p *selectionParser) one(c within) (within, error) {
	t := p.token
	switch {
	case t == "" || strings.Contains("()[],=!", t[:1]):
		return c, p.unexpected("a value")
	case t[0] == '"' || t[0] == '\'':
		if len(t) < 2 || t[len(t)-1] != t[0] {
			return c, p.unexpected("a value that ends with " + t[:1])
		}
		t = t[1 : len(t)-1]
	}
	p.next()
	c.values = append(c.values, t)
	return c, nil
}
