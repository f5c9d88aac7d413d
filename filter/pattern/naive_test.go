package pattern

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// This file is the same language once more, written to be obviously right and
// not at all to be fast: encoding/json decodes the message, every selector
// becomes a list of nodes, numbers are compared as strings of digits. It shares
// the parsed tree with the real matcher and no code that looks at messages.

func naiveMatch(p *Pattern, message string) bool {
	switch p.form {
	case Terms:
		return naiveTerms(p.terms, message)
	case Regex:
		return naiveRegex(p.regex, message)
	case JSON:
		root, ok := naiveDecode(message)
		return ok && naiveExpr(p.json.root, func(i int) bool { return naiveJSONTest(&p.json.tests[i], root) })
	case Space:
		_, ok := naiveFields(p.space, message)
		return ok
	}
	return true
}

func naiveTerms(t *termPattern, message string) bool {
	for _, x := range t.include {
		if !strings.Contains(message, string(x.text)) {
			return false
		}
	}
	for _, x := range t.exclude {
		if strings.Contains(message, string(x.text)) {
			return false
		}
	}
	any := len(t.anyOf) == 0
	for _, x := range t.anyOf {
		any = any || strings.Contains(message, string(x.text))
	}
	return any
}

func naiveRegex(r *regex, text string) bool {
	return naiveCompile(r.source).MatchString(text)
}

var naiveCompiled sync.Map // of *regexp.Regexp by source

func naiveCompile(source string) *regexp.Regexp {
	if re, ok := naiveCompiled.Load(source); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(source)
	naiveCompiled.Store(source, re)
	return re
}

func naiveExpr(e *expr, test func(int) bool) bool {
	switch e.op {
	case exprAnd:
		for _, kid := range e.kids {
			if !naiveExpr(kid, test) {
				return false
			}
		}
		return true
	case exprOr:
		for _, kid := range e.kids {
			if naiveExpr(kid, test) {
				return true
			}
		}
		return false
	}
	return test(e.test)
}

// naiveDecode returns the object that is the whole message.
func naiveDecode(message string) (map[string]any, bool) {
	d := json.NewDecoder(strings.NewReader(message))
	d.UseNumber()
	var root any
	if d.Decode(&root) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	object, ok := root.(map[string]any)
	return object, ok && naiveDepth(message) <= 128
}

// naiveDepth is the deepest nesting of a valid JSON text.
func naiveDepth(message string) int {
	depth, deepest := 0, 0
	d := json.NewDecoder(strings.NewReader(message))
	for {
		tok, err := d.Token()
		if err != nil {
			return deepest
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// naiveSelect returns every node the steps lead to.
func naiveSelect(node any, steps []step) []any {
	if len(steps) == 0 {
		return []any{node}
	}
	var found []any
	object, _ := node.(map[string]any)
	array, _ := node.([]any)
	switch st := steps[0]; st.kind {
	case stepKey:
		if v, ok := object[st.key]; ok {
			found = naiveSelect(v, steps[1:])
		}
	case stepIndex:
		if st.index < len(array) {
			found = naiveSelect(array[st.index], steps[1:])
		}
	case stepWild:
		for _, v := range object {
			found = append(found, naiveSelect(v, steps[1:])...)
		}
		for _, v := range array {
			found = append(found, naiveSelect(v, steps[1:])...)
		}
	}
	return found
}

func naiveJSONTest(t *test, root any) bool {
	nodes := naiveSelect(root, t.selector.steps)
	if t.op == opNotExists {
		return len(nodes) == 0
	}
	if t.op == opNotEqual && t.selector.wild >= 0 {
		for _, n := range nodes {
			if naiveCompare(&t.literal, opEqual, n) {
				return false
			}
		}
		return len(naiveSelect(root, t.selector.steps[:t.selector.wild])) > 0
	}
	for _, n := range nodes {
		if naiveNode(t, n) {
			return true
		}
	}
	return false
}

func naiveNode(t *test, node any) bool {
	switch t.op {
	case opIsTrue:
		return node == any(true)
	case opIsFalse:
		return node == any(false)
	case opIsNull:
		if array, ok := node.([]any); ok && t.selector.wild < 0 {
			for _, v := range array {
				if v == nil {
					return true
				}
			}
		}
		return node == nil
	}
	return naiveCompare(&t.literal, t.op, node)
}

func naiveCompare(l *literal, op testOp, node any) bool {
	switch v := node.(type) {
	case string:
		return !op.ordered() && naiveText(l, v) == (op == opEqual)
	case json.Number:
		text := v.String()
		if l.kind == literalNumber {
			value, finite := naiveValue(text)
			return finite && op.accepts(naiveDigits(value, string(l.text)))
		}
		return !op.ordered() && naiveText(l, naiveCanonical(text)) == (op == opEqual)
	}
	return false
}

func naiveText(l *literal, text string) bool {
	switch l.kind {
	case literalGlob:
		parts := strings.Split(string(l.text), "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		return naiveCompile(`(?s)^` + strings.Join(parts, `.*`) + `$`).MatchString(text)
	case literalRegex:
		return naiveRegex(l.regex, text)
	}
	return text == string(l.text)
}

func naiveInteger(text string) bool { return !strings.ContainsAny(text, ".eE") }

// naiveValue returns the exact decimal that a number token stands for.
func naiveValue(text string) (value string, finite bool) {
	if naiveInteger(text) {
		return text, true
	}
	f, _ := strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(f, 'e', -1, 64), !math.IsInf(f, 0)
}

func naiveCanonical(text string) string {
	if naiveInteger(text) {
		if text == "-0" {
			return "0"
		}
		return text
	}
	f, _ := strconv.ParseFloat(text, 64)
	switch a := math.Abs(f); {
	case math.IsInf(f, 0):
		return strings.Replace(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"), "Inf", "Infinity", 1)
	case a == 0 || a >= 1e-3 && a < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// naiveDigits compares two decimals digit by digit after aligning their points.
func naiveDigits(a, b string) int {
	aNeg, aDigits, aPoint := naiveSplit(a)
	bNeg, bDigits, bPoint := naiveSplit(b)
	switch {
	case aDigits == "" && bDigits == "":
		return 0
	case aDigits == "":
		return map[bool]int{true: 1, false: -1}[bNeg]
	case bDigits == "":
		return map[bool]int{true: -1, false: 1}[aNeg]
	case aNeg && !bNeg:
		return -1
	case bNeg && !aNeg:
		return 1
	}
	sign := 1
	if aNeg {
		sign = -1
	}
	if aPoint != bPoint {
		if aPoint < bPoint {
			return -sign
		}
		return sign
	}
	width := max(len(aDigits), len(bDigits))
	pad := func(s string) string { return s + strings.Repeat("0", width-len(s)) }
	return sign * strings.Compare(pad(aDigits), pad(bDigits))
}

// naiveSplit returns the digits without leading zeros and where the point
// stands relative to their start.
func naiveSplit(s string) (negative bool, digits string, point int) {
	negative = strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, _ = strconv.Atoi(s[i+1:])
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	point = len(whole) - (len(whole+fraction) - len(digits)) + exponent
	return negative, digits, point
}

type naiveToken struct{ content, raw string }

var (
	naiveNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	naiveWord   = regexp.MustCompile(`^(?s:"[^"]*"|\[[^\]]*\]|[^ \t\n]+)`)
)

// naiveTokens splits a message; raw is the message from where the token begins.
func naiveTokens(message string) []naiveToken {
	var out []naiveToken
	for {
		message = strings.TrimLeft(message, " \t\n")
		if message == "" {
			return out
		}
		word := string(naiveWord.Find([]byte(message)))
		content := word
		if len(word) >= 2 && (word[0] == '"' && word[len(word)-1] == '"' || word[0] == '[' && word[len(word)-1] == ']') {
			content = word[1 : len(word)-1]
		}
		if i := strings.IndexAny(content, " \t\n"); i >= 0 && content == word {
			panic("word with a blank: " + word)
		}
		out = append(out, naiveToken{content, message})
		message = message[len(word):]
	}
}

// naiveFields returns extractedValues, and whether the message matches.
func naiveFields(s *spacePattern, message string) (map[string]string, bool) {
	tokens := naiveTokens(message)
	values := map[string]string{}
	n := len(s.fields)
	if !s.all && len(tokens) < n {
		return nil, false
	}
	if !s.all && s.ellipsis < 0 && len(tokens) > n {
		tokens = tokens[:n]
		tokens[n-1].content = tokens[n-1].raw
	}
	for i, tok := range tokens {
		name := strconv.Itoa(i + 1)
		var f *field
		switch {
		case s.all:
		case s.ellipsis < 0 || i < s.ellipsis:
			f = &s.fields[i]
		case len(tokens)-i <= n-s.ellipsis:
			f = &s.fields[n-(len(tokens)-i)]
		}
		if f != nil && f.name != "" {
			name = f.name
		}
		if f != nil && f.cond != nil &&
			!naiveExpr(f.cond, func(i int) bool { return naiveTokenTest(&s.tests[i], tok.content) }) {
			return nil, false
		}
		values["$"+name] = tok.content
	}
	return values, true
}

func naiveTokenTest(t *test, text string) bool {
	if t.literal.kind == literalNumber && naiveNumber.MatchString(text) {
		if value, finite := naiveValue(text); finite {
			return t.op.accepts(naiveDigits(value, string(t.literal.text)))
		}
	}
	return !t.op.ordered() && naiveText(&t.literal, text) == (t.op == opEqual)
}

// jsonComparable reports whether encoding/json gives the message the meaning it
// has here: it turns bytes that are not UTF-8 into U+FFFD.
func jsonComparable(message string) bool {
	return bytes.Equal([]byte(message), bytes.ToValidUTF8([]byte(message), []byte("\uFFFD")))
}
