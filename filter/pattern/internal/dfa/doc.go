// Package dfa decides whether a regular expression matches somewhere in a
// byte slice, one table look-up a byte.
//
// It exists because std regexp falls to 7-39 MB/s on an alternation of words,
// and filter patterns run over every event. What enters is an expression of
// std's syntax without line and word boundaries; what leaves is a verdict that
// equals regexp.Match on any bytes, invalid UTF-8 included.
//
// How it works. syntax.Compile yields a program over runes. A state of the
// automaton is a set of that program's instructions plus the bytes of a rune
// that has begun but not ended:
//
//	key = flags and pending length | pending bytes | instruction, instruction, ...
//
// Keeping the unfinished rune in the state makes the decoder part of the
// automaton: when a sequence turns out to be invalid, its first byte steps as
// U+FFFD and the others are read again, which is exactly what utf8.DecodeRune
// does for std. Bytes that no rune class of the program tells apart share one
// column of the table, so that tables are small.
//
// A program whose automaton is small is tabulated at compile time and shared
// by all callers. A larger one is tabulated on demand, in a cache of bounded
// size that one call borrows from a pool; a full cache is emptied and the
// search goes on. A text that needs new states all the time is left to std. Nothing is allocated per call in steady state, nothing of
// the text is kept, and nothing survives the process.
package dfa
