package compact

// Stats say what is in a file.
type Stats struct {
	Batches, Events uint64
	TextBytes       int64 // of the batches, a line feed each event included
	Frames          uint64
	Blocks          uint64
	FileBytes       int64
	// Columns are the stored bytes by column: places, text, ends, deltas, rest, grams.
	Columns [columns]int64
	// IndexBytes are block headers, indexes, directories and footers.
	IndexBytes int64
}

// ColumnNames are the names of Stats.Columns.
func ColumnNames() []string { return columnNames[:] }

// Group is one log group in a file.
type Group struct {
	UID             uint64
	Blocks          int
	Events          uint64
	Bytes           int64 // of text
	Least, Greatest int64 // timestamps, ms
}
