package process

// Settings say which processors a delivery stream has. The zero Settings have
// none.
type Settings struct {
	// Decompress is the processor Decompression, Extract CloudWatchLogProcessing
	// with DataMessageExtraction.
	Decompress, Extract bool
	// Split is RecordDeAggregation.
	Split Split
	// Delimiter is that of RecordDeAggregation with DELIMITED.
	Delimiter []byte
	// SubRecords is how many a record may hold; 0 is MaxSubRecords, negative no
	// limit.
	SubRecords int
	// Query is MetadataExtraction, nil for none.
	Query *Query
	// End is what AppendDelimiterToRecord puts behind each record, nil for
	// nothing.
	End []byte
}

// Split is how records are taken apart.
type Split uint8

// The values of SubRecordType.
const (
	Whole Split = iota
	SplitJSON
	SplitDelimited
)

// NewChain is the processors for one goroutine.
func (s *Settings) NewChain() *Chain {
	c := &Chain{settings: *s}
	switch {
	case c.settings.SubRecords == 0:
		c.settings.SubRecords = MaxSubRecords
	case c.settings.SubRecords < 0:
		c.settings.SubRecords = 0
	}
	if s.Query != nil {
		c.extractor = s.Query.NewExtractor()
	}
	return c
}

// Chain implements Processors: Decompression, message extraction,
// de-aggregation, metadata extraction, delimiter, in this order.
type Chain struct {
	settings  Settings
	extractor *Extractor
	inflater  Inflater
	messages  Messages
	pieces    [][]byte
	partition []byte
	ended     []byte
	out       Outcome
	// Over counts records with too many sub-records, passed on whole.
	Over int64
}

// Record implements Processors. A message that was extracted ends with a line
// feed, as those from subscription filters do, unless a delimiter is appended.
func (c *Chain) Record(data []byte, visit func(*Outcome)) {
	if !c.settings.Decompress {
		c.split(data, data, visit)
		return
	}
	inflated, err := c.inflater.Inflate(data)
	if err != nil {
		c.refuse(err, data, visit)
		return
	}
	if err := c.messages.Read(inflated); err != nil {
		c.refuse(err, data, visit)
		return
	}
	if c.messages.Control && len(c.messages.Ends) == 0 {
		c.out = Outcome{Dropped: true}
		visit(&c.out)
		return
	}
	if !c.settings.Extract {
		c.split(inflated, data, visit)
		return
	}
	from := 0
	for _, end := range c.messages.Ends {
		text := c.messages.Text[from:end:end]
		if c.plain() {
			c.out = Outcome{Data: c.messages.Text[from : end+1 : end+1]}
			visit(&c.out)
		} else {
			c.split(text, text, visit)
		}
		from = end + 1
	}
}

// plain tells that nothing follows message extraction.
func (c *Chain) plain() bool {
	return c.settings.Split == Whole && c.extractor == nil && c.settings.End == nil
}

// Message implements Processors.
func (c *Chain) Message(text []byte, visit func(*Outcome)) { c.split(text, text, visit) }

// split de-aggregates. source is what an error record carries.
func (c *Chain) split(data, source []byte, visit func(*Outcome)) {
	s := &c.settings
	var tail []byte
	over := false
	switch s.Split {
	case Whole:
		c.finish(data, source, whole(data, source), visit)
		return
	case SplitJSON:
		c.pieces, tail, over = AppendDocuments(c.pieces[:0], data, s.SubRecords)
	case SplitDelimited:
		c.pieces, over = AppendDelimited(c.pieces[:0], data, s.Delimiter, s.SubRecords)
	}
	if over {
		c.Over++
		c.finish(data, source, whole(data, source), visit)
		return
	}
	for _, piece := range c.pieces {
		c.finish(piece, piece, len(piece) == len(source), visit)
	}
	if len(tail) > 0 {
		c.refuse(errTail, tail, visit)
	}
}

var errTail = failure(ProcessingFailed, CodeDeaggregation, "The rest of the record is not a JSON object.")

// whole tells whether data is still the source.
func whole(data, source []byte) bool {
	return len(data) == len(source) && (len(data) == 0 || &data[0] == &source[0])
}

// finish reads the partition and appends the delimiter.
func (c *Chain) finish(data, source []byte, untouched bool, visit func(*Outcome)) {
	c.out = Outcome{Data: data}
	if c.extractor != nil {
		var err error
		if c.partition, err = c.extractor.Append(c.partition[:0], data); err != nil {
			c.refuse(err, source, visit)
			return
		}
		c.out.Partition = c.partition
	}
	if c.settings.End != nil {
		c.ended = append(append(c.ended[:0], data...), c.settings.End...)
		c.out.Data = c.ended
	} else {
		c.out.Whole = untouched
	}
	visit(&c.out)
}

func (c *Chain) refuse(err error, raw []byte, visit func(*Outcome)) {
	c.out = Outcome{Failure: err.(*Failure), Raw: raw}
	visit(&c.out)
}
