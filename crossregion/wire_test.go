package crossregion

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"sluice/internal/event"
)

func TestWildcard(t *testing.T) {
	f := func(pattern, name string, want bool) {
		t.Helper()
		if got := matchWildcard(pattern, name); got != want {
			t.Errorf("%q selects %q: %t, want %t", pattern, name, got, want)
		}
	}
	f("/shop/web", "/shop/web", true)
	f("/shop/web", "/shop/web2", false)
	f("/shop/*", "/shop/", true)
	f("/shop/*", "/shopping", false)
	f("*", "", true)
	f("*/errors", "/a/errors", true)
	f("*/errors", "/a/errors/b", false)
	f("/a*b*c", "/aXbYbZc", true)
	f("/a*b*c", "/ac", false)
	f("a*a", "a", false)
	f("**", "x", true)
	f("", "", true)
	f("", "x", false)
}

func TestNamePattern(t *testing.T) {
	s := event.Source{Account: "111111111111", Region: "eu-west-1", LogGroup: "/shop", LogStream: "i-1"}
	f := func(pattern, want string) {
		t.Helper()
		p := namePattern(pattern)
		if err := p.check(); err != nil {
			t.Error(err)
		}
		if got := p.render(s, "eu"); got != want {
			t.Errorf("%s is %q, want %q", pattern, got, want)
		}
	}
	f("{group}", "/shop")
	f("{region}{group}", "eu-west-1/shop")
	f("/central/{source}/{account}", "/central/eu/111111111111")
	f("${source.accountId}/${source.region}${source.logGroup}", "111111111111/eu-west-1/shop")
	f("{stream}@{region}", "i-1@eu-west-1")
	if namePattern("{logGroup}").check() == nil || namePattern("${source.org.id}").check() == nil {
		t.Error("an unknown variable is taken")
	}
}

// packed returns chunks of some entries.
func packed(t testing.TB, codec byte, records ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	p := &packer{to: &out, codec: codec, encoder: newEncoder()}
	for i, r := range records {
		p.add(uint64(i+1), r, 1)
		if err := p.send(chunk{Next: uint64(i + 2), End: 100, Now: 5, Sent: 6}); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestChunks(t *testing.T) {
	for _, codec := range codecs {
		testChunks(t, codec)
	}
}

func testChunks(t *testing.T, codec byte) {
	long := []byte(strings.Repeat("a line of a log ", 1000))
	stream := packed(t, codec, []byte("short"), long)
	if codec != codecNone && len(stream) > 2*chunkHead+2000 {
		t.Errorf("%d bytes for %d of one line", len(stream), len(long))
	}
	u := &unpacker{from: bytes.NewReader(stream), decoder: newDecoder()}
	for i, want := range [][]byte{[]byte("short"), long} {
		c, entries, err := u.next()
		if err != nil {
			t.Fatal(err)
		}
		number, record, rest, err := cutEntry(entries)
		if err != nil || number != uint64(i+1) || !bytes.Equal(record, want) || len(rest) > 0 {
			t.Errorf("entry %d is number %d with %d bytes, %d left: %v", i, number, len(record), len(rest), err)
		}
		if c.Next != uint64(i+2) || c.End != 100 || c.Batches != 1 || c.Events != 1 || c.Now != 5 || c.Sent != 6 {
			t.Errorf("header %+v", c)
		}
	}
	if _, _, err := u.next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last chunk: %v", err)
	}
	for cut := 1; cut < len(stream); cut++ { // no cut is taken for the end
		u := &unpacker{from: bytes.NewReader(stream[:cut]), decoder: newDecoder()}
		var err error
		chunks := 0
		for err == nil {
			if _, _, err = u.next(); err == nil {
				chunks++
			}
		}
		if errors.Is(err, io.EOF) && cut != chunkHead+entryHead+len("short") {
			t.Errorf("cut at %d: %v after %d chunks", cut, err, chunks)
		}
		u.decoder.Close()
		if cut > 2*chunkHead {
			cut += 7 + cut/50
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, codec := range codecs {
		f.Add(packed(f, codec, []byte("x"), bytes.Repeat([]byte("y"), 5000)))
	}
	f.Add([]byte(chunkMagic))
	decoder := newDecoder()
	f.Fuzz(func(t *testing.T, stream []byte) {
		u := &unpacker{from: bytes.NewReader(stream), decoder: decoder}
		for {
			_, entries, err := u.next()
			if err != nil {
				return
			}
			for len(entries) > 0 {
				_, record, rest, err := cutEntry(entries)
				if err != nil {
					break
				}
				if b, err := event.Open(record); err == nil && b.Len() > len(record) {
					t.Error("a batch larger than its record")
				}
				entries = rest
			}
		}
	})
}
