package firehose

import (
	"sluice/internal/envelope"
	"sluice/internal/event"
	"sluice/internal/format"
)

// form is how events from subscription filters land in an object. Records that
// were put directly land as they are in all of them.
type form uint8

const (
	// formMembers: no processor. Each payload lands as CloudWatch Logs sends it,
	// a gzip member, back to back.
	formMembers form = iota
	// formDocuments: Decompression. The payloads' JSON, nothing between.
	formDocuments
	// formMessages: Decompression and message extraction. Each message and a
	// line feed.
	formMessages
	lastForm = formMessages
)

// landing is the body of a raw object: events land in one form, records as they
// are.
type landing struct {
	form   form
	out    *format.Writer
	packer *envelope.Packer // for members and documents
}

func newLanding(f form, out *format.Writer) *landing {
	l := &landing{form: f, out: out}
	if f != formMessages {
		l.packer = envelope.GetPacker()
	}
	return l
}

// delivery writes events in the landing's form. Messages are runs as they lie in
// the batch: a message is followed by its line feed there already.
//
// hot: BenchmarkDelivery
func (l *landing) delivery(d event.Delivery) {
	if l.form == formMessages {
		for lo, hi := range d.Batch.Runs(d.Selection) {
			l.out.Append(d.Batch.Lines(lo, hi), hi-lo)
		}
		return
	}
	for part := range envelope.Parts(d) {
		l.out.Append(l.document(d, part), part.To-part.From)
	}
}

// document is the payload of one part, valid until the next.
func (l *landing) document(d event.Delivery, part envelope.Part) []byte {
	document := l.packer.Document(d, part)
	if l.form == formMembers {
		document = l.packer.Compress(document)
	}
	return document
}

func (l *landing) record(_ int64, data []byte) { l.out.Append(data, 1) }

func (l *landing) close() (format.Object, error) {
	object, err := l.out.Close()
	l.release()
	return object, err
}

func (l *landing) discard() {
	l.out.Discard()
	l.release()
}

func (l *landing) release() {
	if l.packer != nil {
		l.packer.Release()
		l.packer = nil
	}
}

func (l *landing) appendDelivery(dst []byte, d event.Delivery) ([]byte, int) {
	if l.form == formMessages {
		for lo, hi := range d.Batch.Runs(d.Selection) {
			dst = append(dst, d.Batch.Lines(lo, hi)...)
		}
		return dst, d.Events()
	}
	for part := range envelope.Parts(d) {
		dst = append(dst, l.document(d, part)...)
	}
	return dst, d.Events()
}

func (l *landing) appendRecord(dst []byte, _ int64, data []byte) ([]byte, int) {
	return append(dst, data...), 1
}

func (l *landing) run(flat []byte, count int) { l.out.Append(flat, count) }
