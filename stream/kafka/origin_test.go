package kafka

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func requestTimedOut() *kerr.Error { return kerr.RequestTimedOut }

func TestFresh(t *testing.T) {
	m := marks{}
	offset := int64(0)
	f := func(stream uint64, shard uint32, first uint64, part uint32, want bool) {
		t.Helper()
		offset++
		if got := m.fresh(Origin{Stream: stream, Shard: shard, First: first, Part: part}, offset); got != want {
			t.Errorf("%d/%d/%d/%d is fresh: %t, want %t", stream, shard, first, part, got, want)
		}
	}
	f(1, 0, 5, 0, true)
	f(1, 0, 5, 0, false)
	f(1, 0, 5, 1, true)
	f(1, 0, 5, 0, false)
	f(1, 0, 4, 9, false)
	f(1, 1, 4, 9, true) // another shard
	f(2, 0, 1, 0, true) // another stream
	f(1, 0, 6, 0, true)
}

func TestMetadata(t *testing.T) {
	m := marks{}
	for i := range 200 {
		m.fresh(Origin{Stream: uint64(i), Shard: 1, First: 1 << 60, Part: 3}, int64(i))
	}
	text := m.metadata()
	if len(text) > 4096 {
		t.Errorf("metadata of %d bytes", len(text))
	}
	again, err := parseMarks(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != maxMarks || again[source{199, 1}] != (mark{1 << 60, 3, 199}) {
		t.Errorf("%d marks came back", len(again))
	}
	if _, ok := again[source{0, 1}]; ok {
		t.Error("the source that was silent for longest is still there")
	}
	if again.metadata() != text {
		t.Error("metadata differs when it is written again")
	}
	for _, bad := range []string{"x", metadataPrefix + "!", metadataPrefix + "AAAA"} {
		if _, err := parseMarks(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	f.Add(appendOrigin(nil, Origin{Batch, 1, 2, 3, 4, 5}))
	f.Fuzz(func(t *testing.T, header []byte) {
		o, err := parseOrigin(header)
		if err != nil {
			return
		}
		if again, err := parseOrigin(appendOrigin(nil, o)); err != nil || again != o {
			t.Errorf("%+v comes back as %+v, %v", o, again, err)
		}
	})
}

func FuzzMarks(f *testing.F) {
	f.Add(marks{source{1, 2}: {3, 4, 5}}.metadata())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMarks(text)
		if err != nil {
			return
		}
		first := m.metadata()
		if again, err := parseMarks(first); err != nil || fmt.Sprint(again) != fmt.Sprint(m) {
			t.Errorf("marks do not come back: %v", err)
		}
	})
}
