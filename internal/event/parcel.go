package event

// Parcel is what one frame of a stream holds for one consumer: the unit that is
// read, cut and committed whole.
type Parcel struct {
	// Position is the frame's place in the stream.
	Position Position
	// Arrived is when the frame reached the stream, in ms of the event clock.
	Arrived int64
	// Deliveries are events that subscription filters selected.
	Deliveries []Delivery
	// Records are blobs that were put directly.
	Records [][]byte
}

// Count is the number of events and records in the parcel.
func (p Parcel) Count() int {
	n := len(p.Records)
	for _, d := range p.Deliveries {
		n += d.Events()
	}
	return n
}

// Bytes is the size of messages and records in the parcel.
func (p Parcel) Bytes() int {
	n := 0
	for _, r := range p.Records {
		n += len(r)
	}
	for _, d := range p.Deliveries {
		n += d.Bytes()
	}
	return n
}

// Span says what a stream holds for one consumer in a range of positions,
// without reading it.
type Span struct {
	Range Range
	// Count is the number of events and records, Bytes the size of their
	// messages and data.
	Count, Bytes int64
	// Oldest is the earliest arrival in ms, 0 for an empty span.
	Oldest int64
}
