package process

// Outcome is one thing that the processors of a delivery stream made of one
// source record. A record gives one outcome, as a rule; de-aggregation and
// message extraction give several, of which each is delivered, partitioned and
// quarantined by itself.
//
// Its bytes are views, valid until the visitor that got them returns.
type Outcome struct {
	// Data is what is delivered.
	Data []byte
	// Whole tells that Data is the source record itself, untouched.
	Whole bool
	// Partition is the values that the extraction query gave, as the package
	// comment draws them, and as Query.Values takes them apart; empty without
	// extraction. It is a name for the partition, too.
	Partition []byte
	// Failure says that it goes to the error prefix instead. Data is what the
	// error record carries then: the source record, or the part of it that failed.
	Failure *Failure
	// Dropped tells that nothing is delivered, and that this is right so: a
	// control message.
	Dropped bool
}

// Processors take source records through all steps that are configured. It
// belongs to one goroutine. The same bytes give the same outcomes, always: a
// delivery is accounted in one pass over the log and encoded in another. Every
// record gives at least one outcome.
type Processors interface {
	// Record takes a record that was put directly into the delivery stream.
	Record(data []byte, visit func(*Outcome))
	// Message takes a message that a subscription filter selected, or a document
	// that holds several: decompressed and extracted already, so that
	// de-aggregation, extraction of metadata and the delimiter remain. The line
	// feed that follows an extracted message is no part of it; an outcome that is
	// Whole is written as it lies in its batch, with the line feed, and any other
	// has its delimiter in Data: a line feed where none is configured.
	Message(text []byte, visit func(*Outcome))
}
