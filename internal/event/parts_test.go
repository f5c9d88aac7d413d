package event_test

import (
	"bytes"
	"testing"

	"sluice/internal/event"
)

// assemble puts a record together again from its fields and parts.
func assemble(t *testing.T, b event.Batch) event.Batch {
	t.Helper()
	f, from := b.Fields(), b.Parts()
	sizes := event.Sizes{Text: len(from.Text), Count: b.Len(), Source: len(from.Source)}
	rec := make([]byte, f.RecordSize(sizes))
	to, err := f.Assemble(rec, sizes)
	if err != nil {
		t.Fatal(err)
	}
	copy(to.Text, from.Text)
	copy(to.Ends, from.Ends)
	copy(to.Deltas, from.Deltas)
	copy(to.Indexes, from.Indexes)
	copy(to.Source, from.Source)
	again, err := event.Reseal(rec)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestPartsMakeTheSameRecord(t *testing.T) {
	builder := event.GetBuilder(1 << 12)
	defer builder.Release()
	for i, m := range []string{"first", "", "two\nlines", "last"} {
		if err := builder.Append(int64(1000-i*7), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := builder.Seal(event.Header{Ingested: 5, Request: 1 << 60, GroupUID: 7, StreamUID: 8, Hops: 3,
		Origin: event.Position{Shard: 9, Number: 1 << 40}}, event.Source{Account: "000000000000", LogGroup: "/g"})
	if err != nil {
		t.Fatal(err)
	}
	selected, err := event.AppendSelected(nil, b, event.Selection{1, 3})
	if err != nil {
		t.Fatal(err)
	}
	part, err := event.Open(selected)
	if err != nil {
		t.Fatal(err)
	}
	f := func(b event.Batch) {
		t.Helper()
		if again := assemble(t, b); !bytes.Equal(again.Record(), b.Record()) {
			t.Errorf("record of %d events differs: %x, want %x", b.Len(), again.Record(), b.Record())
		}
	}
	f(b)
	f(part)
}

func TestResealRefusesWhatIsNoRecord(t *testing.T) {
	fields, sizes := event.Fields{}, event.Sizes{Text: 4, Count: 1, Source: 8}
	rec := make([]byte, fields.RecordSize(sizes))
	if _, err := fields.Assemble(rec[1:], sizes); err == nil {
		t.Error("a record of the wrong size was assembled")
	}
	if _, err := fields.Assemble(rec, sizes); err != nil {
		t.Fatal(err)
	}
	if _, err := event.Reseal(rec); err == nil {
		t.Error("a record whose end is no line feed was sealed")
	}
}
