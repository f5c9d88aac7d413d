package grep

import (
	"bytes"
	"strconv"
)

// Colours of a terminal, as grep chooses them.
const (
	colorMatch  = "\x1b[01;31m"
	colorName   = "\x1b[35m"
	colorNumber = "\x1b[32m"
	colorColon  = "\x1b[36m"
	colorEnd    = "\x1b[m"
)

// render appends what is printed of the block; nothing if that is its lines as
// they are, or only their number.
func (w *worker) render(in *input, dst []byte) []byte {
	cfg := &w.s.cfg
	switch {
	case w.s.plain || cfg.Count:
		return dst
	case cfg.Explain:
		return w.appendExplained(in, dst)
	case cfg.Form == JSON:
		return w.appendObjects(in, dst)
	}
	return w.appendText(in, dst)
}

// appendText appends selected lines with what stands before them.
func (w *worker) appendText(in *input, dst []byte) []byte {
	numbers := lineNumbers{text: w.block.text, number: w.block.first}
	for _, x := range w.spans {
		dst = w.s.appendName(dst, in.name)
		if w.s.cfg.Numbers {
			dst = w.s.appendNumber(dst, numbers.at(x.start))
		}
		line := w.block.text[x.start : x.end-1]
		if w.s.cfg.Color && !w.s.cfg.Invert {
			dst = w.s.appendHighlighted(dst, line)
		} else {
			dst = append(dst, line...)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// lineNumbers counts lines from one offset to a later one.
type lineNumbers struct {
	text   []byte
	pos    uint32
	number int64 // of the line at pos
}

// at returns the number of the line that starts at offset.
func (l *lineNumbers) at(offset uint32) int64 {
	l.number += int64(bytes.Count(l.text[l.pos:offset], newline))
	l.pos = offset
	return l.number
}

// appendName appends the name of an input and a colon, if names are wanted.
func (s *Search) appendName(dst []byte, name string) []byte {
	if !s.cfg.Names {
		return dst
	}
	return s.appendColon(s.appendColored(dst, colorName, name))
}

func (s *Search) appendNumber(dst []byte, n int64) []byte {
	if !s.cfg.Color {
		return append(strconv.AppendInt(dst, n, 10), ':')
	}
	return s.appendColon(s.appendColored(dst, colorNumber, strconv.FormatInt(n, 10)))
}

func (s *Search) appendColon(dst []byte) []byte { return s.appendColored(dst, colorColon, ":") }

func (s *Search) appendColored(dst []byte, color, text string) []byte {
	if !s.cfg.Color {
		return append(dst, text...)
	}
	return append(append(append(dst, color...), text...), colorEnd...)
}
