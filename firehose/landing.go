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

// landing writes parcels into an object in one form.
type landing struct {
	form   form
	out    *format.Writer
	packer *envelope.Packer // for members and documents
	bytes  int64            // of records and messages
}

func newLanding(f form, out *format.Writer) *landing {
	l := &landing{form: f, out: out}
	if f != formMessages {
		l.packer = envelope.GetPacker()
	}
	return l
}

func (l *landing) release() {
	if l.packer != nil {
		l.packer.Release()
	}
}

// hot: BenchmarkDelivery
func (l *landing) parcel(p event.Parcel) {
	for _, r := range p.Records {
		l.bytes += int64(len(r))
		l.out.Append(r, 1)
	}
	for _, d := range p.Deliveries {
		if l.form == formMessages {
			l.messages(d)
			continue
		}
		l.bytes += int64(d.Bytes())
		for part := range envelope.Parts(d) {
			document := l.packer.Document(d, part)
			if l.form == formMembers {
				document = l.packer.Compress(document)
			}
			l.out.Append(document, part.To-part.From)
		}
	}
}

// messages writes runs of selected events as they lie in the batch: a message
// is followed by its line feed there already.
func (l *landing) messages(d event.Delivery) {
	for lo, hi := range d.Batch.Runs(d.Selection) {
		run := d.Batch.Lines(lo, hi)
		l.bytes += int64(len(run) - (hi - lo))
		l.out.Append(run, hi-lo)
	}
}
