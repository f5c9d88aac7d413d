package grep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sluice/filter/pattern"
)

// explained is a line with what became of each pattern, in JSON.
type explained struct {
	File         string        `json:"file"`
	Line         int64         `json:"line"`
	Message      string        `json:"message"`
	Selected     bool          `json:"selected"`
	Explanations []explanation `json:"explanations"`
}

type explanation struct {
	Pattern string  `json:"pattern"`
	Form    string  `json:"form"`
	Match   bool    `json:"match"`
	Reason  string  `json:"reason,omitempty"`
	Checks  []check `json:"checks"`
}

type check struct {
	Offset   int      `json:"offset"`
	End      int      `json:"end"`
	Text     string   `json:"text"`
	Selector string   `json:"selector,omitempty"`
	Found    []string `json:"found,omitempty"`
	True     bool     `json:"true"`
	Ignored  bool     `json:"ignored,omitempty"`
	Why      string   `json:"why"`
}

// appendExplained appends every line of the block, or up to the last selected one
// if a limit ends the input there.
func (w *worker) appendExplained(in *input, dst []byte) []byte {
	text, spans := w.block.text, w.spans
	limit := w.s.cfg.Limit
	last := limit > 0 && in.selected+w.lines >= limit
	number := w.block.first
	for start := uint32(0); int(start) < len(text) && !(last && len(spans) == 0); number++ {
		end := start + uint32(bytes.IndexByte(text[start:], '\n'))
		selected := len(spans) > 0 && spans[0].start == start
		if selected {
			spans = spans[1:]
		}
		dst = w.s.appendExplanation(dst, in.name, number, text[start:end], selected)
		start = end + 1
	}
	return dst
}

func (s *Search) appendExplanation(dst []byte, name string, number int64, line []byte, selected bool) []byte {
	out := explained{File: name, Line: number, Message: string(line), Selected: selected}
	for _, p := range s.cfg.Patterns {
		out.Explanations = append(out.Explanations, newExplanation(p, line))
	}
	if s.cfg.Form == JSON {
		raw, err := json.Marshal(&out)
		if err != nil {
			panic(err) // strings, numbers and booleans only
		}
		return append(append(dst, raw...), '\n')
	}
	return s.appendExplainedText(dst, &out)
}

func newExplanation(p *pattern.Pattern, line []byte) explanation {
	e := pattern.Explain(p, line)
	out := explanation{Pattern: p.String(), Form: e.Form.String(), Match: e.Match, Reason: e.Reason, Checks: []check{}}
	for _, c := range e.Checks {
		out.Checks = append(out.Checks, check(c))
	}
	return out
}

// appendExplainedText is for people:
//
//	a.log:3: no match: {"status":503,"method":"GET"}
//	  { $.status >= 500 && $.method = "POST" }: no match
//	    true   at 2: $.status >= 500; found 503: the value is 503
//	    false  at 21: $.method = "POST"; found "GET": the value is "GET"
func (s *Search) appendExplainedText(dst []byte, x *explained) []byte {
	dst = s.appendName(dst, x.File)
	dst = s.appendNumber(dst, x.Line)
	any := false
	for _, e := range x.Explanations {
		any = any || e.Match
	}
	dst = append(append(dst, ' '), verdict(any)...)
	dst = append(append(dst, ": "...), x.Message...)
	for _, e := range x.Explanations {
		dst = fmt.Appendf(dst, "\n  %s: %s", e.Pattern, verdict(e.Match))
		if e.Reason != "" {
			dst = fmt.Appendf(dst, ": %s", e.Reason)
		}
		for _, c := range e.Checks {
			dst = c.appendText(dst)
		}
	}
	return append(dst, '\n')
}

func verdict(match bool) string {
	if match {
		return "match"
	}
	return "no match"
}

func (c *check) appendText(dst []byte) []byte {
	state := fmt.Sprint(c.True)
	if c.Ignored {
		state = "unused"
	}
	dst = fmt.Appendf(dst, "\n    %-6s at %d: %s", state, c.Offset, c.Text)
	if len(c.Found) > 0 {
		dst = fmt.Appendf(dst, "; found %s", strings.Join(c.Found, ", "))
	}
	return fmt.Appendf(dst, ": %s", c.Why)
}
