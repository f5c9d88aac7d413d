package process

// Outcome is one thing that the processors of a delivery stream made of one
// source record. A record gives one outcome, as a rule; de-aggregation gives
// several, of which each is delivered, partitioned and quarantined by itself.
//
// Its bytes are views, valid until the visitor that got them returns.
type Outcome struct {
	// Data is what is delivered.
	Data []byte
	// Whole tells that Data is the source record itself, untouched.
	Whole bool
	// Values are the partition values that the extraction query gave, in the
	// order of Settings.Keys; nil without extraction.
	Values []string
	// Failure says that the processors refused it: it goes to the error prefix.
	Failure *Failure
	// Dropped tells that nothing is delivered, and that this is right so: a
	// control message.
	Dropped bool
}

// Failure is why something goes to the error prefix instead.
type Failure struct {
	// Type is the error-output-type, such as processing-failed.
	Type string
	// Code and Message stand in the error record, in AWS's words where they are
	// known: DynamicPartitioning.MetadataExtractionFailed.
	Code, Message string
	// Raw is what the error record carries; nil means the source record.
	Raw []byte
}

// Processors take source records through all steps that are configured. It
// belongs to one goroutine. The same bytes give the same outcomes, always: a
// delivery is accounted in one pass over the log and encoded in another.
type Processors interface {
	// Record takes a record that was put directly into the delivery stream.
	Record(data []byte, visit func(*Outcome))
	// Message takes a message that a subscription filter selected, or a document
	// that holds several: decompressed and extracted already, so that
	// de-aggregation and extraction of metadata remain.
	Message(text []byte, visit func(*Outcome))
}
