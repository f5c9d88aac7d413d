package firehose

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNoteRoundTrip(t *testing.T) {
	f := func(n note) {
		t.Helper()
		text, err := n.text()
		if err != nil {
			t.Fatal(err)
		}
		got, err := openNote(text)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&n, got, cmp.AllowUnexported(note{}, plan{}, part{}, planV1{})); d != "" {
			t.Error(d)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("not printable: %q", text)
		}
	}
	sum := sha256.Sum256([]byte("a plan"))
	gap := plan{
		version: 3, cut: 9, first: 100, end: 120, position: 120, arn: "arn", chain: "lake", config: []byte(`{}`), gap: true,
		parts: []part{{name: "x", first: 100, key: "trim"}},
	}
	f(note{})
	f(note{position: 1 << 60, cuts: 7, manifest: sum, bucket: "lake"})
	f(note{position: 100, bucket: "lake", plan: &somePlan})
	f(note{position: 100, plan: &wholePlan})
	f(note{position: 100, plan: &gap})
	f(note{position: 100, cuts: 8, bucket: "lake", intent: &sum})
	for _, text := range []string{"", "sluice:", "sluice:AAAA", "sluice1:AQ", "of another program"} {
		if n, err := openNote(text); err == nil {
			t.Errorf("%q is %+v", text, n)
		}
	}
}

// TestWholePlansFitNotes: what every delivery stream without partitions plans has
// room in what brokers keep, after a backlog, too.
func TestWholePlansFitNotes(t *testing.T) {
	p := wholePlan
	p.config = []byte(`{"RoleARN":"arn:aws:iam::000000000000:role/delivery","BucketARN":"arn:aws:s3:::the-lake-of-the-shop","Prefix":"logs/!{timestamp:yyyy/MM/dd/HH}/",` +
		`"ErrorOutputPrefix":"errors/!{firehose:error-output-type}/","BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60},"CompressionFormat":"GZIP","Source":{"MSK":{"MSKClusterARN":"arn:aws:kafka:us-east-1:000000000000:cluster/orders/1"}}}`)
	p.parts = nil
	for i := range uint64(catchUp) {
		p.parts = append(p.parts, part{first: 100 + i, count: 1 << 30, bytes: 1 << 40, oldest: 1_767_323_045_000,
			key: "logs/2026/01/02/03/lake-3-2026-01-02-03-04-05-" + outsideUUID("arn", "orders-1", "", i) + ".gz"})
	}
	text, err := (&note{position: 1 << 62, cuts: 1 << 40, bucket: "the-lake-of-the-shop", plan: &p}).text()
	if err != nil || len(text) > MaxNote/2 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func FuzzNote(f *testing.F) {
	for _, n := range []note{{position: 3, bucket: "lake", plan: &somePlan}, {cuts: 1, intent: &[32]byte{1}}, {}} {
		text, err := n.text()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := openNote(text)
		if err != nil {
			return
		}
		again, err := n.text()
		if err != nil {
			t.Fatal(err)
		}
		m, err := openNote(again)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(n, m, cmp.AllowUnexported(note{}, plan{}, part{}, planV1{})); d != "" {
			t.Error(d)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, &Record{Number: 7, Place: Place{8, "token"}, Arrived: 9, Filter: "f", Value: []byte("value"), Key: Key{1, 2, 3, 4, 5}}, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, rest, ok := openFrame(b)
		if !ok {
			return
		}
		again := appendFrame(nil, &Record{
			Number: r.number, Arrived: r.arrived, Filter: string(r.filter), Place: Place{Token: string(r.token)}, Value: r.value, Key: r.key,
		}, r.batch)
		was := bytes.Clone(b[:len(b)-len(rest)])
		was[4] &= flagBatch
		if !bytes.Equal(was, again) {
			t.Error("a frame does not come back")
		}
	})
}

// TestKeyMarks compares marks with a list of all keys that were seen.
func TestKeyMarks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	marks, seen := keyMarks{}, map[sender][]Key{}
	for number := range uint64(5000) {
		k := Key{Stream: r.Uint64N(3), Shard: r.Uint32N(2), Lane: r.Uint64N(2), First: number/20 + r.Uint64N(3), Part: r.Uint32N(3)}
		had := slices.ContainsFunc(seen[k.sender()], func(o Key) bool { return o.First > k.First || o.First == k.First && o.Part >= k.Part })
		if marks.has(k) != had {
			t.Fatalf("%+v: seen %t", k, !had)
		}
		if !had {
			marks.put(k, number)
			seen[k.sender()] = append(seen[k.sender()], k)
		}
		if number%500 == 0 {
			marks = openKeys(marks.carry())
		}
	}
	many := keyMarks{}
	for i := range uint64(maxSenders + 10) {
		many.put(Key{Stream: i + 1, First: 1}, i)
	}
	kept := openKeys(many.carry())
	if len(kept) != maxSenders || kept.has(Key{Stream: 5, First: 1}) || !kept.has(Key{Stream: maxSenders, First: 1}) {
		t.Errorf("%d senders are remembered", len(kept))
	}
}
