// Package jsonline checks lines that are JSON objects, 256 bytes at a time and
// nearly without a branch that depends on what they say: what may stand beside
// what is a question to bitmaps of the classes of bytes.
//
// What enters is text that begins with a line. What leaves is how far it is
// right, and the places in it at which somebody must look for himself, which are
// one in some fifty bytes: which brackets belong together, and what literals,
// escapes and numbers say that are not digits alone. Of what is right it refuses
// some: white space but for single blanks behind colons, commas and opening
// brackets, and lines that are no objects.
//
//	{"a":12,"b":[1.5,true],"c":"x\n"}     a line
//	{           [1.  t   ]        n }     its events
//
// On amd64 with AVX2, BMI and CLMUL this is one loop of assembly; everywhere else
// it is plain Go, 64 bytes at a time. A test runs both on the same texts. The
// method is that of simdjson (Langdale and Lemire, Parsing Gigabytes of JSON per
// Second), with the grammar in the bitmaps, too. The assembly turns the text over
// as Parabix does, so that each bit of a byte has a bitmap of its own and classes
// are what a few of them have in common; then one register holds the bitmap of a
// class of 256 bytes.
//
// Marks belong to the caller, who uses them again and again; the text is only
// read, and not kept. Nothing is allocated, and nothing survives a crash, or
// needs to.
package jsonline
