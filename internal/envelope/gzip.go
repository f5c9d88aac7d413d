package envelope

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
)

// Packer makes the gzip members of deliveries. It keeps its buffers and tables
// between calls and belongs to one goroutine.
type Packer struct {
	json []byte
	out  bytes.Buffer
	gzip *gzip.Writer
}

var packers = sync.Pool{New: func() any {
	// Level 1, not the 6 that AWS uses: half the cost for a sixth more bytes.
	// The header has no time, so equal documents give equal members.
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic("envelope: gzip level: " + err.Error()) // a constant
	}
	return &Packer{gzip: z}
}}

// GetPacker takes a Packer from a pool.
func GetPacker() *Packer { return packers.Get().(*Packer) }

// Release gives the Packer and what it returned back.
func (p *Packer) Release() { packers.Put(p) }

// Document returns one part as JSON, valid until the next call.
func (p *Packer) Document(d event.Delivery, part Part) []byte {
	p.json = Append(p.json[:0], d, part)
	return p.json
}

// Member returns one part as a gzip member, valid until the next call. It is
// compressed piece by piece, while a piece is in the processor's cache.
//
// hot: BenchmarkMember
func (p *Packer) Member(d event.Delivery, part Part) []byte {
	p.begin()
	p.json = AppendStart(p.json[:0], d)
	step := max(1, d.Events()*pieceBytes/max(1, d.Bytes()))
	for from := part.From; from < part.To; from += step {
		p.json = AppendEvents(p.json, d, Part{from, min(from+step, part.To)})
		if last := len(p.json) - 1; last >= pieceBytes {
			p.gzip.Write(p.json[:last])
			p.json = append(p.json[:0], p.json[last]) // tells AppendEvents what it goes on from
		}
	}
	p.gzip.Write(AppendEnd(p.json, d))
	return p.end()
}

// pieceBytes is about how much of a document is made before it is compressed.
const pieceBytes = 32 << 10

// Compress returns a document as a gzip member, valid until the next call.
func (p *Packer) Compress(document []byte) []byte {
	p.begin()
	p.gzip.Write(document)
	return p.end()
}

func (p *Packer) begin() {
	p.out.Reset()
	p.gzip.Reset(&p.out) // a bytes.Buffer takes everything, so that no write fails
}

func (p *Packer) end() []byte {
	p.gzip.Close()
	return p.out.Bytes()
}
