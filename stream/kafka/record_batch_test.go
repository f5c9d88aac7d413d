package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// record is what a reader of a batch sees of a record.
type record struct {
	Key, Value, Origin, Filter, Reason string
	NoKey                              bool
	Time, Offset                       int64
}

// TestRecordBatch has kafka-go read the batches that are made here.
func TestRecordBatch(t *testing.T) {
	f := func(codec kafka.Compression, records ...outgoing) {
		t.Helper()
		var b recordBatch
		for range 2 { // buffers of before
			wire, err := b.build(records, codec)
			if err != nil {
				t.Fatal(err)
			}
			var want []record
			for i, o := range records {
				want = append(want, record{
					Key: string(o.key), NoKey: o.key == nil, Value: string(o.value), Filter: o.filter, Reason: o.reason, Origin: string(appendOrigin(nil, o.origin)),
					Time: o.time, Offset: int64(i),
				})
			}
			if diff := cmp.Diff(want, read(t, wire)); diff != "" {
				t.Errorf("codec %d (-want +got):\n%.2000s", codec, diff)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for codec := range kafka.Compression(5) {
		f(codec, outgoing{time: 1})
		f(codec, outgoing{time: 1_700_000_000_000, key: []byte("k"), value: []byte("v"), filter: "f", origin: Origin{Stream: 5, Part: 7}})
		f(codec, outgoing{time: 5, key: []byte{}, value: []byte("later first")}, outgoing{time: 2, reason: "because", value: []byte("earlier")}, outgoing{time: 1 << 40})
		for _, size := range []int{63, 64, 8191, 8192, snappyBlock - 1, snappyBlock, snappyBlock + 1, 3 * snappyBlock} {
			var many []outgoing
			for i := range 1 + r.IntN(5) {
				value := bytes.Repeat(fmt.Appendf(nil, "%x ", r.Uint64()), size/2)[:size]
				many = append(many, outgoing{time: r.Int64N(1 << 41), key: fmt.Append(nil, i), value: value, filter: "f"})
			}
			f(codec, many...)
		}
	}
}

// read is the records of a batch, by kafka-go's reader, which checks the checksum.
func read(t *testing.T, wire []byte) (records []record) {
	t.Helper()
	var set protocol.RecordSet
	if _, err := set.ReadFrom(bytes.NewReader(wire)); err != nil {
		t.Fatal(err)
	}
	for {
		r, err := set.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		key, _ := protocol.ReadAll(r.Key)
		value, _ := protocol.ReadAll(r.Value)
		got := record{Key: string(key), NoKey: r.Key == nil, Value: string(value), Time: r.Time.UnixMilli(), Offset: r.Offset}
		for _, h := range r.Headers {
			switch h.Key {
			case originHeader:
				got.Origin = string(h.Value)
			case filterHeader:
				got.Filter = string(h.Value)
			case errorHeader:
				got.Reason = string(h.Value)
			}
		}
		records = append(records, got)
	}
}

func TestSizeIsNeverLess(t *testing.T) {
	var b recordBatch
	for _, o := range []outgoing{
		{}, {key: []byte("key"), value: make([]byte, 1000), filter: "filter", reason: "reason"},
		{time: math.MaxInt64, value: make([]byte, 1<<20)},
	} {
		wire, err := b.build([]outgoing{{}, o}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if alone, err := new(recordBatch).build([]outgoing{{}}, 0); err != nil || len(wire)-len(alone) > o.size() {
			t.Errorf("a record of %d bytes was counted as %d: %v", len(wire)-len(alone), o.size(), err)
		}
	}
}

func TestRecordsAreNotAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	records := make([]outgoing, 1000)
	for i := range records {
		records[i] = outgoing{time: int64(i), key: []byte("key"), value: bytes.Repeat([]byte("value "), 50), filter: "filter"}
	}
	for _, codec := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Zstd} {
		var b recordBatch
		if n := testing.AllocsPerRun(20, func() {
			if _, err := b.build(records, codec); err != nil {
				t.Fatal(err)
			}
		}); n > 2 {
			t.Errorf("codec %d: %v allocs a batch", codec, n)
		}
	}
}
