package outbox

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/envelope"
	"sluice/internal/event"
)

// ID names a record for good: the frame that it was made of, and its place in what
// was made of it.
type ID struct {
	Route  uint64
	Shard  uint32
	Number uint64
	Part   uint32
}

func (id ID) String() string {
	return fmt.Sprintf("%d-%d-%d-%d", id.Route, id.Shard, id.Number, id.Part)
}

// Record is what a Sender delivers.
type Record struct {
	ID ID
	// Key keeps the records of one log stream in order; with distribution Random
	// every record has one of its own.
	Key string
	// Data is a gzip member.
	Data []byte
	// Account is where the events come from, AccountLevel that an account policy
	// selected them.
	Account      string
	AccountLevel bool
	// Events is their number, Bytes the size of their messages, Arrived when the
	// frame reached the log, ms.
	Events, Bytes int
	Arrived       int64

	verdict verdict
}

// verdict is what became of a record.
type verdict struct {
	delivered bool
	givenUp   Reason
}

func (v verdict) open() bool { return v == verdict{} }

// Delivered says that a record arrived.
func (r *Record) Delivered() { r.verdict.delivered = true }

// GiveUp says that a record can never arrive.
func (r *Record) GiveUp(why Reason) { r.verdict.givenUp = why }

// maker makes the records of parcels.
type maker struct {
	route   uint64
	packer  *envelope.Packer
	records []*Record

	parcel  event.Parcel
	part    uint32
	first   event.Delivery // of the document under way
	doc     []byte
	account string
	events  int
	bytes   int
}

// limit is what a document stays below, so that its gzip member does too.
const limit = envelope.MaxPayload - 1024

// add makes the records of one parcel.
func (m *maker) add(p event.Parcel) {
	m.parcel, m.part = p, 0
	deliveries := slices.Clone(p.Deliveries)
	slices.SortStableFunc(deliveries, byDocument)
	for i, d := range deliveries {
		if i > 0 && byDocument(deliveries[i-1], d) != 0 {
			m.flush()
		}
		for part := range envelope.Parts(d) {
			m.events1(d, part)
		}
	}
	m.flush()
	for _, r := range p.Records {
		m.out(&Record{Data: bytes.Clone(r), Key: m.randomKey("")}, 1, len(r))
	}
}

// byDocument orders deliveries by the document that they belong to.
func byDocument(a, b event.Delivery) int {
	return cmp.Or(
		cmp.Compare(a.Batch.GroupUID(), b.Batch.GroupUID()), cmp.Compare(a.Batch.StreamUID(), b.Batch.StreamUID()),
		cmp.Compare(a.Filter, b.Filter), cmp.Compare(a.Traits, b.Traits),
	)
}

// events1 adds one part of a delivery to the document under way, or to a new one if
// that would get too long.
func (m *maker) events1(d event.Delivery, part envelope.Part) {
	before := len(m.doc)
	if before > 0 {
		m.doc = envelope.AppendEvents(m.doc, d, part)
		if len(m.doc) > limit {
			m.doc = m.doc[:before]
			m.flush()
		}
	}
	if len(m.doc) == 0 {
		m.first = d
		m.doc = envelope.AppendEvents(envelope.AppendStart(m.doc, d), d, part)
	}
	m.events += part.To - part.From
	for i := part.From; i < part.To; i++ {
		at := i
		if d.Selection != nil {
			at = int(d.Selection[i])
		}
		m.bytes += len(d.Batch.Message(at))
	}
}

// flush ends the document under way.
func (m *maker) flush() {
	if len(m.doc) == 0 {
		return
	}
	m.doc = envelope.AppendEnd(m.doc, m.first)
	s := m.first.Batch.Source()
	r := &Record{
		Data: bytes.Clone(m.packer.Compress(m.doc)), Account: s.Account, AccountLevel: m.first.Traits.Has(event.TraitAccountLevel),
		Key: streamKey(s),
	}
	if m.first.Traits.Has(event.TraitRandom) {
		r.Key = m.randomKey(m.first.Filter)
	}
	m.out(r, m.events, m.bytes)
	m.doc, m.events, m.bytes = m.doc[:0], 0, 0
}

func (m *maker) out(r *Record, events, bytes int) {
	r.ID = ID{m.route, m.parcel.Position.Shard, m.parcel.Position.Number, m.part}
	r.Events, r.Bytes, r.Arrived = events, bytes, m.parcel.Arrived
	m.part++
	m.records = append(m.records, r)
}

// streamKey is the partition key of a log stream.
func streamKey(s event.Source) string {
	return hashed(s.Account + "/" + s.Region + "/" + s.LogGroup + "/" + s.LogStream)
}

// randomKey is spread evenly, and the same at a replay.
func (m *maker) randomKey(filter string) string {
	return hashed(fmt.Sprintf("%s/%d/%d/%d", filter, m.parcel.Position.Shard, m.parcel.Position.Number, m.part))
}

func hashed(text string) string {
	const digits = 16
	h := strconv.FormatUint(xxhash.Sum64String(text), 16)
	return "0000000000000000"[:digits-len(h)] + h
}
