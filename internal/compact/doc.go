// Package compact is the file that batches lie in once the log has let go of
// them: sorted, in compressed columns, with an index that fits in memory and a
// filter per block that proves most of them free of a rare term.
//
// What enters: whole batches of one shard in the order of Key, then frames of
// the log that somebody still needs, through a Writer. What leaves, through a
// File: places of batches by log group, log stream, time and literals; batches
// and frames by their number, byte for byte as they entered.
//
// Who owns memory: a Writer copies what it is given. A File keeps its directory
// (48 bytes a log group, 28 bytes per 64 blocks and per 1,024 batches); all
// else goes through a Cache that several files share and that has a budget in
// bytes. A batch that was read is a view into its decoded block: immutable, freed
// by the GC with the last view, whatever the cache forgets meanwhile.
//
// What survives a crash: the whole file once Finish returned; before that,
// nothing but a .tmp file that means nothing. A file never changes after Finish.
//
// # Order
//
// Batches are sorted by log group, least timestamp, number. Sorting by log
// stream before time was measured against it, with 16 streams in a group: text
// of streams that log the same is 0-0.6 % smaller in time order; that of six
// kinds of log in one group is 1 % larger in batches of 32 KiB, 6 % in batches
// of 2 KiB. A scan in time order, which FilterLogEvents and exports are, would
// pay for that with a decoded block a stream; so time comes first.
// Reads of one stream skip blocks by a bitmap of streams in the block's header.
//
// # File
//
// All integers are little-endian. Every part has a crc32c of the bytes as they
// are stored; a column whose size is its raw size is stored as it is, any other
// is one zstd frame.
//
//	0        4096
//	+--------+--------+     +--------+     +-------+     +-----------+------+---------+-----------+--------+
//	| footer | block  | ... | block  | ... | index | ... | directory | note | zero to | directory | footer |
//	| (copy) | batches|     | frames |     | page  |     |           |      | n x 4096| (copy)    |        |
//	+--------+--------+     +--------+     +-------+     +-----------+------+---------+-----------+--------+
//
//	block: header, 192 bytes, then its columns without gaps
//	+--------+--------+--------+------+--------+------+-----+-------+
//	| header | places | text   | ends | deltas | rest | grams       |
//	+--------+--------+--------+------+--------+------+-----+-------+
//
//	header
//	 0        4      5      6        8       16      24         32      40     48        52
//	+--------+------+------+--------+-------+-------+----------+-------+------+---------+--------+
//	| "SLCB" | kind | ver  | zero 2 | group | least | greatest | first | last | batches | events |
//	|        |      | 1    |        | uid   | ms    | ms       | number|number| or      |        |
//	|        |      |      |        |       |       |          |       |      | frames  |        |
//	+--------+------+------+--------+-------+-------+----------+-------+------+---------+--------+
//	56                88                                    160      168       188
//	+-----------------+-------------------------------------+--------+---------+--------+
//	| streams, 256    | 6 x {size u32, raw u32, crc32c u32} | offset | zero 20 | crc32c |
//	| bits            |                                     |        |         |        |
//	+-----------------+-------------------------------------+--------+---------+--------+
//
// A block of batches (kind 1) belongs to one log group:
//
//	places: what Places shows of each batch, field by field as varints
//	text:   the batches' texts, one after the other
//	ends:   where messages end. Where no message holds a line feed that is said
//	        by the text itself; else the line feeds within each message
//	deltas: times, as differences to the event before
//	rest:   the other header fields, indexes, names
//	grams:  the n-gram filter of the text (grams.go)
//
// A block of frames (kind 2) has number, type, key and length of each frame as
// places, and the payloads as text.
//
// The directory lists log groups, pages of the block index (64 block headers
// each) and pages of the locator (number -> block and row, 1,024 batches each).
//
// The note is whatever the writer wants to have in the file, or nothing.
//
// # Damage
//
// Damage to a block costs that block: the others are found by the index. An
// index page that is damaged is made again from the headers of its blocks, a
// locator page by looking through the blocks that span the number. Footer and
// directory are there twice, at least 4 KiB apart.
package compact
