package wal

import (
	"bytes"
	"context"
	"testing"

	"sluice/internal/vfs"
)

const fuzzUUID = 0x1122334455667788

// sample returns the bytes of a segment with some frames, and with a footer if asked.
func sample(frames int, sealed bool) []byte {
	b := appendHeader(nil, header{uuid: fuzzUUID, base: 1})
	s := segment{base: 1, uuid: fuzzUUID, start: int64(len(b)), last: uint64(frames)}
	for i := range uint64(frames) {
		s.note(i+1, int64(len(b)))
		b = appendFrame(b, stamp{fuzzUUID, i + 1, uint32(i % 2)}, TypeBatch, i, bytes.Repeat([]byte{byte(i)}, int(i)*7))
	}
	s.end = int64(len(b))
	if sealed {
		s.buildFooter(nil)
		b = append(b, s.footer...)
	}
	return b
}

func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, stamp{fuzzUUID, 9, 3}, TypePut, 7, []byte("payload")), uint64(fuzzUUID))
	f.Fuzz(func(t *testing.T, b []byte, uuid uint64) {
		p, size, v := parseFrame(b, uuid)
		switch v {
		case frameShort:
			if size <= int64(len(b)) {
				t.Fatalf("wants %d bytes and has %d", size, len(b))
			}
		case frameGood:
			again := appendFrame(nil, stamp{uuid, p.Seq, p.index}, p.Type, p.Key, p.Payload)
			n := frameHeader + len(p.Payload)
			again[37], again[38], again[39] = b[37], b[38], b[39] // flags and the spare bytes, always zero so far
			le.PutUint32(again[4:], checksum(again[:n]))
			if !bytes.Equal(again[:n], b[:n]) || size != int64(len(again)) {
				t.Fatalf("%x was read as %+v, which is written as %x", b[:n], p, again[:n])
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(appendHeader(nil, header{3, 4, 5}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok, err := parseHeader(b)
		if again := appendHeader(nil, h); ok && err == nil && !bytes.Equal(again[:32], append(append([]byte{}, again[:8]...), b[8:32]...)) && le.Uint32(b[8:]) == headerVersion {
			t.Fatalf("%x was read as %+v", b, h)
		}
	})
}

func FuzzFooter(f *testing.F) {
	f.Add(sample(20, true), uint64(fuzzUUID))
	f.Fuzz(func(t *testing.T, b []byte, uuid uint64) {
		b = mend(bytes.Clone(b))
		foot, need, ok := parseFooter(b, int64(len(b)), uuid)
		if !ok || need > len(b) {
			return
		}
		for _, s := range foot.sections {
			_ = b[s.off : s.off+s.length] // in bounds
			if s.id != indexSection {
				continue
			}
			marks, _ := parseIndex(b[s.off:s.off+s.length], &foot)
			for _, m := range marks {
				if m.off < foot.start || m.off >= foot.end || m.seq < foot.base || m.seq > foot.last {
					t.Fatalf("mark %+v outside of %+v", m, foot)
				}
			}
		}
	})
}

// mend sets right the checksums of whatever looks like a frame or a footer, so
// that fuzzing reaches what lies behind them.
func mend(b []byte) []byte {
	for off := 0; off+frameHeader <= len(b); off += frameAlign {
		n := int64(le.Uint32(b[off:]))
		if end := int64(off) + frameHeader + n; le.Uint64(b[off+8:]) == fuzzUUID && end <= int64(len(b)) {
			le.PutUint32(b[off+4:], checksum(b[off:end]))
		}
	}
	if n := len(b) - footerTail; n >= 0 {
		if whole := int(le.Uint32(b[n+40:]))*sectionEntry + footerTail; whole > 0 && whole <= len(b) {
			le.PutUint32(b[n+48:], checksumOf(b[len(b)-whole:len(b)-8]))
		}
	}
	return b
}

// FuzzOpen opens a folder whose only segment has any bytes: that must succeed,
// and what is read must be in order and the same after another Open.
func FuzzOpen(f *testing.F) {
	f.Add(sample(0, false))
	f.Add(sample(20, false))
	f.Add(sample(20, true))
	b := sample(20, true)
	b[200] ^= 1
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = mend(bytes.Clone(b))
		if h, ok, err := parseHeader(b); err != nil || ok && h != (header{uuid: fuzzUUID, base: 1}) {
			t.Skip("refused, rightly")
		}
		mem := vfs.NewMem()
		file, err := vfs.Create(mem, segmentName(1, fuzzUUID))
		if err != nil {
			t.Fatal(err)
		}
		file.Write(b)
		file.Sync()
		file.Close()
		frames := 0
		for round := range 2 {
			l, err := Open(mem, Config{Dir: "/", SegmentBytes: 4 << 10, BlockBytes: 4 << 10})
			if err != nil {
				t.Fatal(err)
			}
			n := countFrames(t, l)
			if round == 1 && n != frames+1 {
				t.Fatalf("%d frames and one more became %d", frames, n)
			}
			frames = n
			if l.Next() < maxSeq {
				if _, err := l.Append(context.Background(), TypePut, 1, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func countFrames(t *testing.T, l *Log) (n int) {
	r, err := l.NewReader(l.First())
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	for {
		b, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return n
		}
		for fr := range b.All() {
			if fr.Seq <= last {
				t.Fatalf("frame %d after %d", fr.Seq, last)
			}
			last = fr.Seq
			n++
		}
	}
}
