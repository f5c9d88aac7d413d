package metrics

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
)

const (
	// accuracy is the relative error of percentiles of many distinct values.
	accuracy = 0.005
	// maxExact is up to how many distinct values a digest keeps as they are.
	maxExact = 48
	// maxBins bounds a digest: the smallest magnitudes are merged beyond. It
	// covers nine decades at full accuracy.
	maxBins = 2048
)

// bins tells which values fall into one bin of a sketch.
var bins = func() *mapping.CubicallyInterpolatedMapping {
	m, err := mapping.NewCubicallyInterpolatedMapping(accuracy)
	if err != nil {
		panic(err)
	}
	return m
}()

// digest is the distribution of samples: exact as long as there are few distinct
// values, then a sketch of a bounded relative error. Two digests merge into the
// digest of all their samples.
type digest struct {
	count, sum, min, max float64
	pairs                []pair // ascending by value; empty: all samples are min
	coarse               bool   // pairs are bins, by a value of each
	opaque               bool   // holds statistic sets, whose values nobody knows
}

// pair is a value and how often it came.
type pair struct{ value, count float64 }

// add takes in count samples of a value.
//
// hot: BenchmarkDeltasAdd
func (d *digest) add(value, count float64) {
	switch {
	case d.count == 0:
		d.min, d.max = value, value
	case len(d.pairs) > 0:
		d.place(value, count)
	case !d.opaque && value != d.min:
		d.pairs = append(d.pairs[:0], pair{d.min, d.count})
		d.place(value, count)
	}
	d.min, d.max = min(d.min, value), max(d.max, value)
	d.count += count
	d.sum += value * count
}

// addSet takes in a statistic set. Of one value it is as good as its samples.
func (d *digest) addSet(count, sum, least, greatest float64) {
	if least == greatest {
		before := d.sum
		d.add(least, count)
		d.sum = before + sum
		return
	}
	d.merge(&digest{count: count, sum: sum, min: least, max: greatest, opaque: true})
}

// place adds to the pairs.
func (d *digest) place(value, count float64) {
	if d.coarse {
		value = binned(value)
	}
	i, found := slices.BinarySearchFunc(d.pairs, value, func(p pair, v float64) int { return cmp.Compare(p.value, v) })
	if found {
		d.pairs[i].count += count
		return
	}
	d.pairs = slices.Insert(d.pairs, i, pair{value, count})
	d.bound()
}

// bound makes the pairs bins when there are too many, and fewer bins when there
// are too many of those.
func (d *digest) bound() {
	if !d.coarse && len(d.pairs) > maxExact {
		d.coarsen()
	}
	if len(d.pairs) > maxBins {
		d.collapse()
	}
}

// coarsen replaces every value by that of its bin.
func (d *digest) coarsen() {
	d.coarse = true
	kept := d.pairs[:0]
	for _, p := range d.pairs {
		p.value = binned(p.value)
		if n := len(kept); n > 0 && kept[n-1].value == p.value {
			kept[n-1].count += p.count
		} else {
			kept = append(kept, p)
		}
	}
	d.pairs = kept
}

// collapse merges the bin next to zero with the one behind it, on the same side.
func (d *digest) collapse() {
	above, _ := slices.BinarySearchFunc(d.pairs, 0, func(p pair, zero float64) int { return cmp.Compare(p.value, zero) })
	from, to := above, above+1 // the side that has more bins loses one
	if above > len(d.pairs)-above {
		from, to = above-1, above-2
	}
	d.pairs[to].count += d.pairs[from].count
	d.pairs = slices.Delete(d.pairs, from, from+1)
}

// binned is the value that stands for all of a value's bin. Doing it twice
// changes nothing.
func binned(v float64) float64 {
	switch {
	case math.Abs(v) < bins.MinIndexableValue():
		return 0
	case v < 0:
		return -bins.Value(bins.Index(-v))
	}
	return bins.Value(bins.Index(v))
}

// merge takes in all of another digest, which is only read.
func (d *digest) merge(o *digest) {
	switch {
	case o.count == 0:
		return
	case d.count == 0:
		pairs := append(d.pairs[:0], o.pairs...)
		*d = *o
		d.pairs = pairs
		return
	}
	d.mergePairs(o)
	d.min, d.max = min(d.min, o.min), max(d.max, o.max)
	d.count += o.count
	d.sum += o.sum
}

func (d *digest) mergePairs(o *digest) {
	if d.opaque || o.opaque { // what is known of some is known of none
		d.pairs, d.coarse, d.opaque = d.pairs[:0], false, true
		return
	}
	if len(d.pairs) == 0 {
		if len(o.pairs) == 0 && d.min == o.min {
			return
		}
		d.pairs = append(d.pairs, pair{d.min, d.count})
	}
	if o.coarse && !d.coarse {
		d.coarsen()
	}
	theirs := o.pairs
	if len(theirs) == 0 {
		theirs = []pair{{o.min, o.count}}
	}
	if len(theirs) < 8 { // a few into many: no need to write all anew
		for _, p := range theirs {
			d.place(p.value, p.count)
		}
		return
	}
	d.pairs = mergeSorted(d.pairs, theirs, d.coarse && !o.coarse)
	d.bound()
}

// mergeSorted merges two ascending lists; those of the second become bins first
// if asked to.
func mergeSorted(a, b []pair, bin bool) []pair {
	out := make([]pair, 0, len(a)+len(b))
	add := func(p pair) {
		if n := len(out); n > 0 && out[n-1].value == p.value {
			out[n-1].count += p.count
		} else {
			out = append(out, p)
		}
	}
	for len(a) > 0 || len(b) > 0 {
		if len(b) > 0 {
			next := b[0]
			if bin {
				next.value = binned(next.value)
			}
			if len(a) == 0 || next.value < a[0].value {
				add(next)
				b = b[1:]
				continue
			}
		}
		add(a[0])
		a = a[1:]
	}
	return out
}

// distribution is the pairs, also where they are not spelled out.
func (d *digest) distribution() []pair {
	if len(d.pairs) == 0 && d.count > 0 {
		return []pair{{d.min, d.count}}
	}
	return d.pairs
}

// The first byte of a digest on disk.
const (
	flagCoarse = 1 << iota
	flagOpaque
	flagPlain // count samples of one value, and the sum is their product
)

// append writes a digest:
//
//	| flags u8 | count f64 | value f64 |                              plain
//	| flags u8 | count f64 | sum f64 | min f64 | max f64 | pairs n | n x (value f64 | count) |
func (d *digest) append(dst []byte) []byte {
	if len(d.pairs) == 0 && !d.opaque && d.sum == d.min*d.count {
		return appendFloats(append(dst, flagPlain), d.count, d.min)
	}
	flags := byte(0)
	if d.coarse {
		flags |= flagCoarse
	}
	if d.opaque {
		flags |= flagOpaque
	}
	dst = appendFloats(append(dst, flags), d.count, d.sum, d.min, d.max)
	dst = binary.AppendUvarint(dst, uint64(len(d.pairs)))
	for _, p := range d.pairs {
		dst = appendFloats(dst, p.value)
		dst = appendCount(dst, p.count)
	}
	return dst
}

// appendCount writes a count, which mostly is a small whole number: its double
// plus one as uvarint, or 0 and a float.
func appendCount(dst []byte, count float64) []byte {
	if whole := uint64(count); float64(whole) == count && whole < 1<<53 {
		return binary.AppendUvarint(dst, whole+1)
	}
	return appendFloats(append(dst, 0), count)
}

func appendFloats(dst []byte, values ...float64) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

// read replaces the digest by what append wrote, and returns what follows.
func (d *digest) read(b []byte) (rest []byte, err error) {
	r := source{b: b}
	flags := r.byte()
	*d = digest{pairs: d.pairs[:0], coarse: flags&flagCoarse != 0, opaque: flags&flagOpaque != 0}
	d.count = r.float()
	if flags&flagPlain != 0 {
		d.min = r.float()
		d.max, d.sum = d.min, d.min*d.count
	} else {
		d.sum, d.min, d.max = r.float(), r.float(), r.float()
		d.readPairs(&r)
	}
	if r.failed || !(d.count > 0) || math.IsNaN(d.sum) || !(d.min <= d.max) {
		return nil, fmt.Errorf("%w: digest", ErrCorrupt)
	}
	return r.b, nil
}

func (d *digest) readPairs(r *source) {
	n := r.uvarint()
	if n > maxBins || n > uint64(len(r.b)) {
		r.failed = true
		return
	}
	last := math.Inf(-1)
	for range n {
		p := pair{value: r.float()}
		if whole := r.uvarint(); whole > 0 {
			p.count = float64(whole - 1)
		} else {
			p.count = r.float()
		}
		if !(p.value > last) || !(p.count > 0) {
			r.failed = true
			return
		}
		d.pairs, last = append(d.pairs, p), p.value
	}
}

// source reads what the append functions wrote. After a failure it yields zeros.
type source struct {
	b      []byte
	failed bool
}

func (r *source) byte() byte {
	if len(r.b) == 0 {
		r.failed = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *source) float() float64 {
	if len(r.b) < 8 {
		r.failed, r.b = true, nil
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

func (r *source) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *source) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// text is a view.
func (r *source) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.failed, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}
