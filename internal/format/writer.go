package format

import (
	"crypto/sha1"
	"fmt"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// stageSize is what small runs are gathered to before hash and codec see them:
// a selection of single lines would otherwise pay both calls per event, which
// is 15 % of gzip's cost at 150 bytes a line. Runs from stageDirect on go
// through untouched.
const (
	stageSize   = 64 << 10
	stageDirect = 16 << 10
)

// Object is a finished body and what went into it.
type Object struct {
	*Body
	// Hash is the xxhash64 over all record bytes, before the codec.
	Hash uint64
	// RecordBytes is the number of those bytes, Count the number of records.
	RecordBytes, Count int64
}

// uuidSpace is the namespace of uuid. It never changes.
var uuidSpace = [16]byte{0x2c, 0x7e, 0x41, 0xb6, 0x0d, 0x93, 0x5a, 0x0f, 0x8b, 0x54, 0x6e, 0xd1, 0x39, 0xa2, 0x70, 0xc8}

// uuid is the object's identity as a name-based UUID: the same records give the
// same one, whatever the codec and the version.
func (o *Object) uuid() (text [36]byte) {
	name := uuidSpace[:len(uuidSpace):len(uuidSpace)]
	name = le.AppendUint64(name, o.Hash)
	name = le.AppendUint64(name, uint64(o.RecordBytes))
	name = le.AppendUint64(name, uint64(o.Count))
	sum := sha1.Sum(name)
	appendUUID(text[:0], [16]byte(sum[:]))
	return text
}

// Writer makes one object. It belongs to one goroutine; end it with Close or
// Discard.
type Writer struct {
	codec   *Codec
	encoder encoder
	hash    xxhash.Digest
	stage   []byte
	object  Object
	err     error
}

var stages = sync.Pool{New: func() any { return new([stageSize]byte) }}

// NewWriter starts an object.
func (c *Codec) NewWriter() *Writer {
	w := &Writer{codec: c, object: Object{Body: new(Body)}}
	w.encoder = c.encoders.get(w.object.Body)
	w.hash.Reset()
	w.stage = stages.Get().(*[stageSize]byte)[:0]
	return w
}

// Append writes a run that holds count whole records. The run may be reused
// afterwards. An error sticks and comes back from Close.
//
// hot: BenchmarkWriter
func (w *Writer) Append(run []byte, count int) {
	w.object.Count += int64(count)
	w.object.RecordBytes += int64(len(run))
	if len(run)+len(w.stage) > stageSize {
		w.flush()
	}
	if len(run) >= stageDirect {
		w.flush()
		w.write(run)
		return
	}
	w.stage = append(w.stage, run...)
}

// RecordBytes is the size of what was appended so far.
func (w *Writer) RecordBytes() int64 { return w.object.RecordBytes }

func (w *Writer) flush() {
	if len(w.stage) > 0 {
		w.write(w.stage)
		w.stage = w.stage[:0]
	}
}

func (w *Writer) write(run []byte) {
	if w.err != nil {
		return
	}
	w.hash.Write(run)
	if _, err := w.encoder.Write(run); err != nil {
		w.err = fmt.Errorf("encode %s: %w", w.codec.Name, err)
	}
}

// Close ends the object. Its body lives until Object.Release.
func (w *Writer) Close() (Object, error) {
	w.flush()
	w.object.Hash = w.hash.Sum64()
	if e, ok := w.encoder.(identified); ok {
		e.identify(&w.object)
	}
	if err := w.encoder.Close(); err != nil && w.err == nil {
		w.err = fmt.Errorf("end %s: %w", w.codec.Name, err)
	}
	if w.err != nil {
		w.Discard()
		return Object{}, w.err
	}
	w.giveBack()
	return w.object, nil
}

// Discard ends the Writer without an object. After Close it does nothing.
func (w *Writer) Discard() {
	if w.encoder != nil {
		w.object.Release()
		w.giveBack()
	}
}

func (w *Writer) giveBack() {
	w.codec.encoders.put(w.encoder)
	stages.Put((*[stageSize]byte)(w.stage[:stageSize]))
	w.encoder, w.stage = nil, nil
}
