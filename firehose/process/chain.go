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

// Record implements Processors.
func (c *Chain) Record(data []byte, visit func(*Outcome)) {
	if !c.settings.Decompress {
		c.split(data, data, visit)
		return
	}
	inflated, err := c.inflater.Inflate(data)
	if err == nil {
		err = c.messages.Read(inflated)
	}
	switch m := &c.messages; {
	case err != nil:
		c.refuse(err, data, visit)
	case len(m.Ends) == 0: // a CONTROL_MESSAGE, or no events
		c.drop(visit)
	case !c.settings.Extract:
		c.split(inflated, data, visit)
	default:
		for i := range m.Ends {
			// Not the source itself, whatever follows: it was inside of it.
			c.split(m.Message(i), nil, visit)
		}
	}
}

// Message implements Processors.
func (c *Chain) Message(text []byte, visit func(*Outcome)) { c.split(text, text, visit) }

// split de-aggregates. source is what an error record carries, nil for data.
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
		c.finish(piece, nil, source != nil && len(piece) == len(source), visit)
	}
	if len(tail) > 0 {
		c.refuse(errTail, tail, visit)
	} else if len(c.pieces) == 0 {
		c.drop(visit) // nothing but white space or delimiters
	}
}

var errTail = failure(ProcessingFailed, CodeDeaggregation, "The rest of the record is not a JSON object.")

// whole tells whether data is still the source.
func whole(data, source []byte) bool {
	return source != nil && len(data) == len(source) && (len(data) == 0 || &data[0] == &source[0])
}

// finish reads the partition and appends the delimiter.
func (c *Chain) finish(data, source []byte, untouched bool, visit func(*Outcome)) {
	c.out = Outcome{Data: data}
	if c.extractor != nil {
		var err error
		if c.partition, err = c.extractor.Append(c.partition[:0], data); err != nil {
			if source == nil {
				source = data
			}
			c.refuse(err, source, visit)
			return
		}
		c.out.Partition = c.partition
	}
	switch {
	case c.settings.End != nil:
		c.end(data, c.settings.End)
	case untouched:
		c.out.Whole = true
	case c.settings.Extract:
		c.end(data, lineFeed)
	}
	visit(&c.out)
}

var lineFeed = []byte("\n")

func (c *Chain) end(data, delimiter []byte) {
	c.ended = append(append(c.ended[:0], data...), delimiter...)
	c.out.Data = c.ended
}

func (c *Chain) refuse(err error, raw []byte, visit func(*Outcome)) {
	c.out = Outcome{Failure: err.(*Failure), Data: raw}
	visit(&c.out)
}

func (c *Chain) drop(visit func(*Outcome)) {
	c.out = Outcome{Dropped: true}
	visit(&c.out)
}
