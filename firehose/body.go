package firehose

import (
	"sluice/internal/event"
	"sluice/internal/format"
)

// body is what one object is written through: a format and its codec. It belongs
// to one goroutine, takes what an object holds in order and ends with close or
// discard. Errors stick and come back from close. What it is given are views that
// are valid during the call.
//
// Two attempts at one object may give it the same records in other portions: the
// hash of the Object, its Count and its RecordBytes must follow from the records
// alone.
type body interface {
	// delivery takes events that a subscription filter selected.
	delivery(d event.Delivery)
	// record takes one record as it is delivered, and when it arrived (ms).
	record(arrived int64, data []byte)
	// close ends the object; its body lives until Object.Release.
	close() (format.Object, error)
	// discard ends it without an object. After close it does nothing.
	discard()
}

// flatBody is a body whose objects are records one after the other. It also
// takes runs that were made by its append methods before: small objects are
// gathered that way, many at once, before one after the other gets an encoder.
// Bodies that are not flat get events and records again as they came.
type flatBody interface {
	body
	// appendDelivery appends what delivery would write, and counts it.
	appendDelivery(dst []byte, d event.Delivery) (out []byte, count int)
	// appendRecord appends what record would write.
	appendRecord(dst []byte, arrived int64, data []byte) (out []byte, count int)
	// run writes what these appended.
	run(flat []byte, count int)
}

// shape is how objects of one class are made and what S3 is told of them.
type shape struct {
	open            func() body
	bucket          string
	contentType     string
	contentEncoding string
}

// plainCodec is that of error objects, whatever CompressionFormat says.
var plainCodec, _ = format.CodecNamed("UNCOMPRESSED")

// shape of the objects of a class.
func (c *settings) shape(k class) shape {
	switch k {
	case classError:
		return shape{
			open:   func() body { return newLanding(formMessages, plainCodec.NewWriter()) },
			bucket: c.config.bucket(), contentType: format.ContentType,
		}
	case classBackup:
		b := c.backup
		return shape{
			open:   func() body { return newLanding(formMembers, b.codec.NewWriter()) },
			bucket: b.config.bucket(), contentType: format.ContentType, contentEncoding: b.codec.ContentEncoding,
		}
	}
	return c.dataShape()
}

// dataShape is the format that settings ask for.
func (c *settings) dataShape() shape {
	s := shape{
		open:   func() body { return newLanding(c.form(), c.codec.NewWriter()) },
		bucket: c.config.bucket(), contentType: format.ContentType, contentEncoding: c.codec.ContentEncoding,
	}
	switch c.config.objectFormat() {
	case formatNDJSON:
		s.open, s.contentType = func() body { return newLines(c.codec.NewWriter()) }, format.NDJSONContentType
	case formatParquet:
		s.open = func() body { return table{c.parquet.NewWriter()} }
		s.contentType, s.contentEncoding = format.ParquetContentType, ""
	}
	return s
}
