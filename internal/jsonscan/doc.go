// Package jsonscan walks JSON text without taking it apart: a Cursor passes
// tokens and whole values, checks the syntax as encoding/json does, and leaves
// it to the caller which bytes he looks at.
//
// What enters: one JSON text. What leaves: offsets in it. Nothing is allocated
// or kept, and the text stays the caller's; nothing survives a crash.
package jsonscan
