package envelope

import (
	"iter"
	"slices"
	"strconv"

	"sluice/internal/event"
	"sluice/internal/eventid"
)

// MaxPayload is the size that a payload stays below: a Firehose record may have
// 1,000 KiB, a Kinesis record 1 MiB with its partition key.
const MaxPayload = 1000 << 10

const (
	// eventOverhead is what an event adds to a document besides its message and
	// its timestamp: {"id":"<56>","timestamp":,"message":""}, with the comma.
	eventOverhead = len(`{"id":"","timestamp":,"message":""},`) + 56
	maxInt64      = 20 // digits of the longest timestamp, with its sign
	// gzipOverhead is what gzip adds to bytes that do not compress: header,
	// trailer and five bytes for each stored block of at least 16 KiB.
	gzipOverhead = 18 + 5*(MaxPayload/(16<<10)+2)
)

// Part is a run of a delivery's events that goes into one document: those
// before To, from From on, counted among the selected ones.
type Part struct{ From, To int }

// Parts yields the parts of a delivery, in order: one, nearly always. Nothing
// for a delivery without events.
func Parts(d event.Delivery) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		n := d.Events()
		budget := MaxPayload - 1 - gzipOverhead - headBound(d)
		perEvent := eventOverhead + maxInt64 + systemFieldsBound(d)
		if d.Bytes()*worstEscape+n*perEvent < budget {
			if n > 0 {
				yield(Part{0, n})
			}
			return
		}
		from, size := 0, 0
		for i := range n {
			s := perEvent + escapedSize(d.Batch.Message(at(d, i)))
			if size+s > budget && i > from {
				if !yield(Part{from, i}) {
					return
				}
				from, size = i, 0
			}
			size += s
		}
		if n > from {
			yield(Part{from, n})
		}
	}
}

// worstEscape is how much longer escaping can make a string: \u00XX.
const worstEscape = 6

// headBound is more than a document's bytes outside its events.
func headBound(d event.Delivery) int {
	s := d.Batch.Source()
	names := len(s.Account) + len(s.LogGroup) + len(s.LogStream) + len(d.Filter)
	return 128 + names*worstEscape
}

// escapedSize is the length of a message in a document, without its quotes.
func escapedSize(message []byte) int {
	n := len(message)
	for _, c := range message {
		switch escapes[c] {
		case 0:
		case utf:
			n += 2 // one bad byte becomes three
		case 'u':
			n += 5
		default:
			n++
		}
	}
	return n
}

// at is the index in the batch of the i-th event of a delivery.
func at(d event.Delivery, i int) int {
	if d.Selection == nil {
		return i
	}
	return int(d.Selection[i])
}

// Append appends the document of one part of a delivery to dst.
//
// hot: BenchmarkAppend
func Append(dst []byte, d event.Delivery, p Part) []byte {
	return AppendEnd(AppendEvents(AppendStart(dst, d), d, p), d)
}

// AppendStart starts a document for the events of one log stream and filter;
// AppendEvents for each delivery of them and AppendEnd follow.
func AppendStart(dst []byte, d event.Delivery) []byte {
	dst = appendHead(dst, "DATA_MESSAGE", d.Batch.Source())
	dst = append(dst, `,"subscriptionFilters":[`...)
	dst = appendString(dst, []byte(d.Filter))
	return append(dst, `],"logEvents":[`...)
}

// AppendEvents adds the events of one part of a delivery to a document.
//
// hot: BenchmarkAppend
func AppendEvents(dst []byte, d event.Delivery, p Part) []byte {
	head := eventHead{id: event.ID{Ingested: d.Batch.Ingested(), Request: d.Batch.Request()}}
	fields, end := 0, 0 // the system fields of the first event, once they are there
	for i := p.From; i < p.To; i++ {
		if dst[len(dst)-1] != '[' {
			dst = append(dst, ',')
		}
		at := at(d, i)
		dst = head.append(dst, d.Batch.Timestamp(at), d.Batch.Index(at))
		dst = append(appendString(dst, d.Batch.Message(at)), '}')
		switch {
		case d.Traits&event.TraitSystemFields == 0:
		case end == 0:
			fields = len(dst) - 1
			dst = appendSystemFields(dst[:fields], d)
			end = len(dst)
		default: // all events of a delivery have the same
			dst = append(dst[:len(dst)-1], dst[fields:end]...)
		}
	}
	return dst
}

// eventHead prints what stands before the messages of a batch's events:
//
//	{"id":"<56 digits>","timestamp":ms,"message":
//
// It keeps the last one that it printed as a whole, copies that, and writes over the
// copy what is another: the id, and of the timestamp what is less than a day.
type eventHead struct {
	id    event.ID
	print eventid.Printer

	day  int64 // of text, 10^8 ms long; 0 before the first
	n    int   // of text
	text [128]byte
}

const (
	idAt = len(`{"id":"`)
	day  = 100_000_000
)

func (h *eventHead) append(dst []byte, timestamp int64, index uint16) []byte {
	h.id.Timestamp, h.id.Index = timestamp, index
	today := timestamp / day
	if today != h.day || today == 0 {
		return h.appendWhole(dst, today)
	}
	dst = slices.Grow(dst, len(h.text))
	from := len(dst)
	to := (*[len(h.text)]byte)(dst[from : from+len(h.text)])
	*to = h.text
	if !h.print.Put((*[eventid.Digits]byte)(to[idAt:]), h.id) {
		return h.appendWhole(dst, today)
	}
	eventid.Put8(to[(h.n-len(`,"message":`)-8)&(len(to)-1):], uint64(timestamp-today*day))
	return dst[:from+h.n]
}

// appendWhole prints all of it, and keeps it if others can be made of it.
func (h *eventHead) appendWhole(dst []byte, today int64) []byte {
	from := len(dst)
	dst = h.print.Append(append(dst, `{"id":"`...), h.id)
	h.day = 0
	if len(dst)-from == idAt+eventid.Digits && today > 0 {
		h.day = today
	}
	dst = strconv.AppendInt(append(dst, `","timestamp":`...), h.id.Timestamp, 10)
	dst = append(dst, `,"message":`...)
	h.n = copy(h.text[:], dst[from:])
	return dst
}

// AppendEnd ends a document.
func AppendEnd(dst []byte, d event.Delivery) []byte {
	dst = append(dst, ']')
	if d.Traits.Has(event.TraitAccountLevel) {
		dst = append(dst, `,"policyLevel":"ACCOUNT_LEVEL_POLICY"`...)
	}
	return append(dst, '}')
}

// appendSystemFields adds the fields that emitSystemFields named to an event that
// is still open, and closes it.
func appendSystemFields(dst []byte, d event.Delivery) []byte {
	s := d.Batch.Source()
	dst = append(dst, `,"extractedFields":`...)
	separator := byte('{')
	field := func(trait event.Traits, name, value string) {
		if d.Traits.Has(trait) {
			dst = append(append(append(dst, separator, '"'), name...), `":`...)
			dst = appendString(dst, []byte(value))
			separator = ','
		}
	}
	field(event.TraitAccount, "@aws.account", s.Account)
	field(event.TraitRegion, "@aws.region", s.Region)
	field(event.TraitSourceLog, "@source.log", s.LogGroup)
	return append(dst, `}}`...)
}

// systemFieldsBound is more than appendSystemFields adds to an event.
func systemFieldsBound(d event.Delivery) int {
	if d.Traits&event.TraitSystemFields == 0 {
		return 0
	}
	s := d.Batch.Source()
	return 80 + worstEscape*(len(s.Account)+len(s.Region)+len(s.LogGroup))
}

func appendHead(dst []byte, messageType string, s event.Source) []byte {
	dst = append(dst, `{"messageType":"`...)
	dst = append(dst, messageType...)
	dst = append(dst, `","owner":`...)
	dst = appendString(dst, []byte(s.Account))
	dst = append(dst, `,"logGroup":`...)
	dst = appendString(dst, []byte(s.LogGroup))
	dst = append(dst, `,"logStream":`...)
	return appendString(dst, []byte(s.LogStream))
}

// AppendControl appends the CONTROL_MESSAGE with which CloudWatch Logs probes a
// destination: "Firehose" or "Kinesis stream". Consumers skip it.
func AppendControl(dst []byte, destination string, timestamp int64) []byte {
	dst = appendHead(dst, "CONTROL_MESSAGE", event.Source{Account: "CloudwatchLogs"})
	dst = append(dst, `,"subscriptionFilters":[],"logEvents":[{"id":"","timestamp":`...)
	dst = strconv.AppendInt(dst, timestamp, 10)
	dst = append(dst, `,"message":"CWL CONTROL MESSAGE: Checking health of destination `...)
	dst = append(dst, destination...)
	return append(dst, `."}]}`...)
}
