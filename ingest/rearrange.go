package ingest

import (
	"cmp"
	"slices"

	"sluice/ingest/putlogevents"
	"sluice/internal/awsapi"
	"sluice/internal/event"
)

// arrangement is a request that breaks AWS's rules and is taken all the same: its
// events in the order of their times, none over the limit of one, cut into parts
// of which AWS would have taken each as a request of its own, but for their span.
// It follows from the body and the configuration alone, never from the time of
// day, so that each attempt of a call makes the same parts.
type arrangement struct {
	events   event.Batch // the messages as they were sent; their times are not here
	times    []int64     // of the events, ascending; the answer's indexes count here
	pieces   []piece
	parts    []span // of pieces
	tooLarge int    // events left out
}

// piece is what is stored as one event: a sent one, or what was made of one that
// is over the limit.
type piece struct {
	time     int64
	event    uint32
	from, to uint32 // bytes of its message
	resized  bool   // the first or only piece of an event over the limit
}

// span is a run of pieces, [from, to).
type span struct{ from, to int }

// rearranges tells whether the configuration makes good what checkBatch refuses.
func (a *API) rearranges(req *putlogevents.Request, times []int64) bool {
	if a.cfg.Lenient {
		return req.Events <= event.MaxEvents
	}
	return a.cfg.Oversize != OversizeReject && req.Events <= maxEvents && batchBytes(req) > maxBatchBytes && slices.IsSorted(times)
}

// arrange arranges the builder's events. It fails if the request is too large by
// events that are not over the limit themselves, unless requests are lenient. The
// arrangement lives as long as what the builder holds.
func (a *API) arrange(b *event.Builder) (*arrangement, error) {
	x := &arrangement{times: slices.Clone(b.Timestamps())}
	// Times may be further apart than in any batch that is stored: this one is
	// sealed only in order to see the messages.
	clear(b.Timestamps())
	var err error
	if x.events, err = b.Seal(event.Header{}, event.Source{}); err != nil {
		return nil, err
	}
	if !a.cfg.Lenient {
		if err := x.checkOrdinary(); err != nil {
			return nil, err
		}
	}
	order := make([]uint32, len(x.times))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(i, j uint32) int { return cmp.Compare(x.times[i], x.times[j]) })
	x.pieces = make([]piece, 0, len(order))
	for _, i := range order {
		x.add(i, a.cfg.Oversize)
	}
	slices.Sort(x.times)
	x.cut()
	return x, nil
}

// checkOrdinary checks the size of the events that are not over the limit.
func (x *arrangement) checkOrdinary() error {
	size := 0
	for i := range x.events.Len() {
		if n := len(x.events.Message(i)); n <= maxMessageBytes {
			size += n + eventOverhead
		}
	}
	if size > maxBatchBytes {
		return awsapi.UploadTooLarge(size, maxBatchBytes)
	}
	return nil
}

// add makes the pieces of one event.
func (x *arrangement) add(i uint32, o Oversize) {
	message := x.events.Message(int(i))
	over := len(message) > maxMessageBytes
	if over && o == OversizeReject {
		x.tooLarge++
		return
	}
	p := piece{time: x.times[i], event: i, resized: over}
	for {
		p.to = p.from + uint32(fitting(message[p.from:]))
		x.pieces = append(x.pieces, p)
		if o != OversizeSplit || int(p.to) == len(message) {
			return
		}
		p.from, p.resized = p.to, false
	}
}

// cut finds the parts: one at least, be it empty.
func (x *arrangement) cut() {
	from, size := 0, 0
	for i, p := range x.pieces {
		n := int(p.to-p.from) + eventOverhead
		if i-from == maxEvents || size+n > maxBatchBytes {
			x.parts = append(x.parts, span{from, i})
			from, size = i, 0
		}
		size += n
	}
	x.parts = append(x.parts, span{from, len(x.pieces)})
}

// fill puts a part's pieces into an empty builder.
func (x *arrangement) fill(b *event.Builder, part span) error {
	for _, p := range x.pieces[part.from:part.to] {
		if err := b.Append(p.time, x.events.Message(int(p.event))[p.from:p.to]); err != nil {
			return err
		}
	}
	return nil
}

// resized counts the events over the limit that begin in a run of pieces.
func (x *arrangement) resized(run span) int {
	n := 0
	for _, p := range x.pieces[run.from:run.to] {
		if p.resized {
			n++
		}
	}
	return n
}

// storeParts stores an arrangement part by part, each once. When one fails, the
// client's next attempt goes on with it. It returns the header of the first.
func (a *API) storeParts(c call, x *arrangement, retentionDays int, h event.Header, s event.Source) (event.Header, error) {
	b := event.GetBuilder(maxBatchBytes)
	defer b.Release()
	for i, part := range x.parts {
		b.Reset()
		if err := x.fill(b, part); err != nil {
			return h, err
		}
		v := windowAt(h.Ingested, retentionDays).judge(b.Timestamps())
		v.resized = x.resized(span{part.from + v.from, part.from + v.to})
		if i == len(x.parts)-1 {
			v.tooLarge = x.tooLarge
		}
		at, err := a.storeOnce(c.part(i), b, v, h, s)
		if err != nil {
			return h, err
		}
		h.Ingested = at.Ingested // parts that an earlier attempt left follow those it stored
	}
	h.Request = c.request
	return h, nil
}
