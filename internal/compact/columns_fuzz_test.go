package compact

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/internal/event"
)

// packedBlock is a block's header and columns.
func packedBlock(t testing.TB) (header, [columns][]byte) {
	b := block{known: make(map[string]uint32)}
	b.reset()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 5 {
		builder := event.GetBuilder(1 << 12)
		for range 1 + r.IntN(5) {
			if err := builder.Append(r.Int64N(1000), bytes.Repeat([]byte("a\n0"), r.IntN(5))); err != nil {
				t.Fatal(err)
			}
		}
		batch, err := builder.Seal(event.Header{GroupUID: 1, StreamUID: uint64(i % 2)}, event.Source{LogGroup: "g"})
		if err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			selected, err := event.AppendSelected(nil, batch, event.Selection{0})
			if err != nil {
				t.Fatal(err)
			}
			if batch, err = event.Open(selected); err != nil {
				t.Fatal(err)
			}
		}
		b.add(uint64(10+i), batch)
	}
	b.finish(true)
	b.columns[colText].raw = uint32(len(b.raw[colText]))
	return b.header, b.raw
}

// FuzzColumns unfolds columns of anybody's making, as if their checksums were
// right: no panic, and every batch that comes out is a sound record.
func FuzzColumns(f *testing.F) {
	h, cols := packedBlock(f)
	f.Add(h.rows, h.events, cols[colPlaces], cols[colText], cols[colEnds], cols[colDeltas], cols[colRest])
	f.Fuzz(func(t *testing.T, rows, events uint32, places, text, ends, deltas, rest []byte) {
		h := header{kind: kindBatches, rows: rows, events: events, first: 10}
		h.columns[colText].raw = uint32(len(text))
		d, err := assemble(&h, &[columns][]byte{places, text, ends, deltas, rest})
		if err == nil {
			for _, b := range d.batches {
				if _, err := event.Open(b.Record()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if d != nil && err == nil {
			whole := slices.Clone(d.rows)
			some := new(decoded)
			err := some.readRows(&h, places)
			if err == nil {
				err = some.assemble(&[columns][]byte{places, text, ends, deltas, rest}, rowSet{0xaaaa})
			}
			if err != nil || !slices.Equal(some.rows, whole) {
				t.Fatalf("some of the rows do not unfold as all did: %v", err)
			}
			for i, b := range some.batches {
				if want := (rowSet{0xaaaa}).has(i); want && !bytes.Equal(b.Record(), d.batches[i].Record()) || !want && b.Len() > 0 {
					t.Fatalf("row %d differs", i)
				}
			}
		}
		if d, err := assembleFrames(&h, &[columns][]byte{places, text}); err == nil && len(d.frames) != int(rows) {
			t.Fatalf("%d frames, want %d", len(d.frames), rows)
		}
		if page, err := readLocators(places, 1, int(min(rows, locatorsPerPage))); err == nil && len(page) > 0 {
			if again := appendLocators(nil, page); page[0].number == 1 && len(again) > len(places)+len(page)*30 {
				t.Fatalf("%d bytes of locators became %d", len(places), len(again))
			}
		}
		parseDirectory(places, int(min(rows, 1<<20)))
		parseHeader(append(text, make([]byte, headerSize)...))
		parseFooter(append(text, make([]byte, footerSize)...))
		excludes(rest, text)
	})
}

func TestColumnsUnfold(t *testing.T) {
	h, cols := packedBlock(t)
	d, err := assemble(&h, &cols)
	if err != nil || len(d.batches) != 5 || d.rows[4].number != 14 {
		t.Fatalf("%v: %+v", err, d)
	}
	for i := range cols[:colGrams] {
		short := cols
		short[i] = short[i][:len(short[i])-1]
		if _, err := assemble(&h, &short); err == nil {
			t.Errorf("column %s without its last byte unfolds", columnNames[i])
		}
		long := cols
		long[i] = append(bytes.Clone(long[i]), 0)
		if _, err := assemble(&h, &long); err == nil && i != colText {
			t.Errorf("column %s with a byte more unfolds", columnNames[i])
		}
	}
}
