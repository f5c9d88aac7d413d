// Package grep selects the lines of files with CloudWatch filter patterns: the
// engine of "sluice filter".
//
// What enters: compiled patterns, and inputs as readers, plain or compressed by
// gzip or zstd (told by their first bytes). A line ends with a line feed, which
// is not a part of it; a carriage return before it is. What leaves: the selected
// lines in the order of the input, as text or as JSON, or their number.
//
//	      read turn            at the same time            write turn
//	+---------------------+  +--------------------+  +---------------------+
//	| blocks: whole lines |->| select, then print |->| in order to the     |
//	| into the worker's   |  | into the worker's  |  | output's one buffer |
//	| own memory          |  | own memory         |  |                     |
//	+---------------------+  +--------------------+  +---------------------+
//
// A worker reads its block itself when it has the read turn, so that the text
// is searched by the core in whose cache the kernel put it. The next worker is
// started only when an input turns out to have more than one block.
//
// Where a pattern has a literal that its matches must contain, a block is
// searched for that as a whole and cut into lines only around the hits; else it
// is cut into lines for pattern.Set. Lines are counted only if numbers are
// printed. Lines that are printed as they are go from the block to the output
// without a copy in between, unless they are short.
//
// Memory: each worker has one block and what is printed of it, and an input has
// one line that is not complete yet: all together 1-2 MB for usual lines, and
// MaxLine for each of these places in the worst case. Nothing is kept between
// inputs but these buffers, and nothing on disk.
//
// # Files
//
//	grep.go      Config, Search, one input from its start to its end
//	worker.go    one block: its turns, and the selection of lines
//	blocks.go    a reader cut into blocks
//	input.go     gzip and zstd
//	text.go, json.go, explain.go, highlight.go  what is printed
package grep
