package metrics

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Resolutions in which samples are kept, in seconds; the coarser two are made by
// time.
const (
	resHigh   = 1
	resMinute = 60
	resFive   = 300
	resHour   = 3600
)

// bucket is the samples of one series whose timestamps begin a period.
type bucket struct {
	start int64 // seconds since 1970
	res   int32 // seconds
	digest
}

// floorSeconds is the start of the period that an instant (ms) lies in.
func floorSeconds(ms, res int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return floor(s, res)
}

func floor(s, res int64) int64 {
	if m := s % res; m != 0 {
		if s -= m; m < 0 {
			s -= res
		}
	}
	return s
}

// Deltas gathers samples that will become durable in one frame:
//
//	deltas: | version u8 | series ... |
//	series: | key length | key | buckets n | n x (start zigzag | resolution | digest) |
//
// All numbers but those of a digest are varints. A Deltas belongs to one
// goroutine. It reuses its memory, so that known series cost no allocation.
type Deltas struct {
	known   map[string]*Pending
	touched []*Pending
	samples int
	weight  int
}

// Pending is the samples of one series in a Deltas, valid until Reset.
type Pending struct {
	key     string
	owner   *Deltas
	buckets []bucket
	last    int  // bucket of the sample before
	listed  bool // in touched
}

const (
	deltasVersion = 1
	// seriesWeight and bucketWeight estimate how large a frame gets.
	seriesWeight, bucketWeight = 128, 64
)

// Of returns the series with a key. The key is copied if it is new.
//
// hot: BenchmarkDeltasAdd
func (d *Deltas) Of(key []byte) *Pending {
	p := d.known[string(key)]
	if p == nil {
		p = d.newPending(key)
	}
	if !p.listed {
		p.listed = true
		d.touched = append(d.touched, p)
		d.weight += seriesWeight
	}
	return p
}

// Known tells whether a key needs no memory of its own.
func (d *Deltas) Known(key []byte) bool { return d.known[string(key)] != nil }

func (d *Deltas) newPending(key []byte) *Pending {
	if d.known == nil {
		d.known = map[string]*Pending{}
	}
	p := &Pending{key: string(key), owner: d}
	d.known[p.key] = p
	return p
}

// MaxMagnitude bounds values, as CloudWatch does: sums of them are numbers, too.
const MaxMagnitude = 0x1p360

// Add takes in count samples of one value at an instant (ms), kept by the
// minute, or by the second if high is set. What is no number up to MaxMagnitude
// is left out.
//
// hot: BenchmarkDeltasAdd
func (p *Pending) Add(ms int64, value, count float64, high bool) {
	if !bounded(value) || !(count > 0) || !bounded(count) {
		return
	}
	p.at(ms, high).add(value, count)
}

// AddSet takes in a statistic set.
func (p *Pending) AddSet(ms int64, count, sum, least, greatest float64, high bool) {
	if !bounded(sum) || !bounded(least) || !bounded(greatest) || !(count > 0) || !bounded(count) || least > greatest {
		return
	}
	p.at(ms, high).addSet(count, sum, least, greatest)
}

func bounded(v float64) bool { return math.Abs(v) <= MaxMagnitude } // NaN is not

// at returns the digest of the period that an instant lies in.
func (p *Pending) at(ms int64, high bool) *digest {
	res := int64(resMinute)
	if high {
		res = resHigh
	}
	p.owner.samples++
	start := floorSeconds(ms, res)
	if p.last < len(p.buckets) && p.buckets[p.last].start == start && p.buckets[p.last].res == int32(res) {
		return &p.buckets[p.last].digest
	}
	for i := range p.buckets {
		if p.buckets[i].start == start && p.buckets[i].res == int32(res) {
			p.last = i
			return &p.buckets[i].digest
		}
	}
	if n := len(p.buckets); n < cap(p.buckets) {
		p.buckets = p.buckets[:n+1]
	} else {
		p.buckets = append(p.buckets, bucket{})
	}
	p.last = len(p.buckets) - 1
	b := &p.buckets[p.last]
	*b = bucket{start: start, res: int32(res), digest: digest{pairs: b.pairs[:0]}}
	p.owner.weight += bucketWeight
	return &b.digest
}

// Empty tells whether nothing was added since Reset.
func (d *Deltas) Empty() bool { return d.samples == 0 }

// Weight is about how large the frame would be, in bytes.
func (d *Deltas) Weight() int { return d.weight + min(16*d.samples, 16*maxBins*len(d.touched)) }

// Append writes all that was gathered.
func (d *Deltas) Append(dst []byte) []byte {
	dst = append(dst, deltasVersion)
	for _, p := range d.touched {
		if len(p.buckets) == 0 {
			continue
		}
		dst = appendText(dst, p.key)
		dst = binary.AppendUvarint(dst, uint64(len(p.buckets)))
		for i := range p.buckets {
			dst = p.buckets[i].append(dst)
		}
	}
	return dst
}

func (b *bucket) append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, b.start)
	dst = binary.AppendUvarint(dst, uint64(b.res))
	return b.digest.append(dst)
}

func (b *bucket) read(src []byte) (rest []byte, err error) {
	r := source{b: src}
	b.start = r.varint()
	res := r.uvarint()
	if r.failed || res == 0 || res > resHour {
		return nil, fmt.Errorf("%w: bucket", ErrCorrupt)
	}
	b.res = int32(res)
	return b.digest.read(r.b)
}

// manyKnown is from when on series that are not used any more are forgotten.
const manyKnown = 4096

// Reset makes room for the next frame.
func (d *Deltas) Reset() {
	if len(d.known) > manyKnown && len(d.known) > 2*len(d.touched) {
		clear(d.known)
		for _, p := range d.touched {
			d.known[p.key] = p
		}
	}
	for _, p := range d.touched {
		p.buckets, p.last, p.listed = p.buckets[:0], 0, false
	}
	d.touched, d.samples, d.weight = d.touched[:0], 0, 0
}

// readDeltas visits what Append wrote. Key and bucket are valid until visit
// returns.
func readDeltas(b []byte, visit func(key []byte, b *bucket)) error {
	r := source{b: b}
	if v := r.byte(); r.failed || v != deltasVersion {
		return fmt.Errorf("%w: deltas of version %d", ErrCorrupt, v)
	}
	var scratch bucket
	for len(r.b) > 0 {
		key := r.text()
		n := r.uvarint()
		if r.failed || n > uint64(len(r.b)) {
			return fmt.Errorf("%w: series", ErrCorrupt)
		}
		for range n {
			var err error
			if r.b, err = scratch.read(r.b); err != nil {
				return err
			}
			visit(key, &scratch)
		}
	}
	return nil
}
