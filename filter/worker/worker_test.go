package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sluice/internal/catalog"
	"sluice/internal/event"
)

var scope = catalog.Scope{Account: "000000000000", Region: "us-east-1"}

const (
	lake  = "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake"
	audit = "arn:aws:firehose:us-east-1:000000000000:deliverystream/audit"
)

func batch(t testing.TB, group, stream string, messages ...string) event.Batch {
	t.Helper()
	b := event.GetBuilder(100 * (1 + len(messages)))
	defer b.Release()
	for i, m := range messages {
		if err := b.Append(int64(1000+i), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{Ingested: 5000}, event.Source{Account: scope.Account, Region: scope.Region, LogGroup: group, LogStream: stream})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err = event.Open(slices.Clone(sealed.Record()))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func declare(group, name, pattern, arn string) Filter {
	return Filter{Scope: scope, LogGroup: group, SubscriptionFilter: catalog.SubscriptionFilter{Name: name, Pattern: pattern, DestinationARN: arn}}
}

// topic is a destination with partitions, and the high-water mark of its reader.
type topic struct {
	partitions [][]line
	fail       func() bool // tells whether the next record is refused
}

type line struct {
	stream uint64
	at     event.Position
	part   int
	text   string
}

// Produce implements Producer: one record an event, in order in each partition.
func (t *topic) Produce(_ context.Context, stream uint64, parcels ...event.Parcel) error {
	for _, p := range parcels {
		part := 0
		for _, d := range p.Deliveries {
			home := len(d.Batch.Source().LogStream) % len(t.partitions)
			for from, to := range d.Batch.Runs(d.Selection) {
				for i := from; i < to; i++ {
					if t.fail != nil && t.fail() {
						return errors.New("refused")
					}
					text := d.Filter + ": " + string(d.Batch.Message(i))
					t.partitions[home] = append(t.partitions[home], line{stream, p.Position, part, text})
					part++
				}
			}
		}
	}
	return nil
}

// read is what a reader takes that passes over what is not beyond its marks.
func (t *topic) read() (texts []string) {
	for _, partition := range t.partitions {
		type source struct {
			stream uint64
			shard  uint32
		}
		marks := map[source]line{}
		for _, l := range partition {
			from := source{l.stream, l.at.Shard}
			if last, ok := marks[from]; ok && (l.at.Number < last.at.Number || l.at.Number == last.at.Number && l.part <= last.part) {
				continue
			}
			marks[from] = l
			texts = append(texts, l.text)
		}
	}
	return texts
}

func newWorker(t testing.TB, filters []Filter, destinations ...Destination) *Worker {
	t.Helper()
	w, err := New(Config{Filters: filters, Destinations: destinations})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func at(partition uint32, offset uint64, b event.Batch) event.Parcel {
	p := event.Position{Shard: partition, Number: offset}
	return event.Parcel{Position: p, Deliveries: []event.Delivery{{Batch: b, Position: p}}}
}

func TestVisit(t *testing.T) {
	one, two := &topic{partitions: make([][]line, 2)}, &topic{partitions: make([][]line, 1)}
	w := newWorker(t, []Filter{
		declare("/a", "errors", "ERROR", lake), declare("/a", "all", "", audit), declare("/b", "errors", "ERROR", lake),
		{Scope: scope, LogGroup: "/a", SubscriptionFilter: catalog.SubscriptionFilter{
			Name: "elsewhere", DestinationARN: lake, FieldSelectionCriteria: `@aws.region = "eu-west-1"`}},
	}, Destination{lake, one}, Destination{audit, two})
	s := w.Source("events")
	err := s.Visit(t.Context(), []event.Parcel{
		at(3, 7, batch(t, "/a", "s", "ERROR 1", "ok", "ERROR 2")),
		at(3, 8, batch(t, "/c", "s", "ERROR nobody")),
		at(3, 9, batch(t, "/b", "ss", "ERROR 3")),
		{Position: event.Position{Shard: 3, Number: 10}, Records: [][]byte{[]byte("no batch")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(got *topic, want ...string) {
		t.Helper()
		if texts := got.read(); !slices.Equal(texts, want) {
			t.Errorf("got %q, want %q", texts, want)
		}
	}
	f(one, "errors: ERROR 3", "errors: ERROR 1", "errors: ERROR 2")
	f(two, "all: ERROR 1", "all: ok", "all: ERROR 2")
	first := one.partitions[1][0]
	if want := (event.Position{Shard: 3, Number: 7<<16 | uint64(rankOf("errors"))}); first.at != want || first.stream != s.Stream() {
		t.Errorf("record of stream %d at %v, want %d at %v", first.stream, first.at, s.Stream(), want)
	}

	status := w.Status()
	if status.Events != 4 || status.Unfiltered != 1 || status.Foreign != 1 {
		t.Errorf("status %+v", status)
	}
	g := func(i int, group, name string, read, matched, bytes int64) {
		t.Helper()
		want := FilterStatus{scope.Account, scope.Region, group, name, read, matched, bytes}
		if got := status.Filters[i]; got != want {
			t.Errorf("filter %+v, want %+v", got, want)
		}
	}
	g(0, "/a", "errors", 3, 2, 14)
	g(1, "/a", "all", 3, 3, 16)
	g(2, "/b", "errors", 1, 1, 7)
	g(3, "/a", "elsewhere", 3, 0, 0)
}

func TestAppend(t *testing.T) {
	one := &topic{partitions: make([][]line, 1)}
	w := newWorker(t, []Filter{declare("/a", "errors", "ERROR", lake)}, Destination{lake, one})
	b := event.GetBuilder(100)
	defer b.Release()
	if err := b.Append(1, []byte("ERROR")); err != nil {
		t.Fatal(err)
	}
	origin := event.Position{Shard: 2, Number: 100}
	sealed, err := b.Seal(event.Header{Origin: origin}, event.Source{Account: scope.Account, Region: scope.Region, LogGroup: "/a", LogStream: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Source("orders").Append(t.Context(), sealed); err != nil || got != origin {
		t.Errorf("%v, %v", got, err)
	}
	if got, want := one.partitions[0][0].at, (event.Position{Shard: 2, Number: 99<<16 | uint64(rankOf("errors"))}); got != want {
		t.Errorf("record at %v, want %v", got, want)
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(want string, destinations []Destination, filters ...Filter) {
		t.Helper()
		_, err := New(Config{Filters: filters, Destinations: destinations})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	to := []Destination{{ARN: lake}}
	f("there is no destination "+audit, to, declare("/a", "f", "", audit))
	f("subscription filter f of /a is there twice", to, declare("/a", "f", "", lake), declare("/a", "f", "x", lake))
	f("destination "+lake+" is there twice", []Destination{{ARN: lake}, {ARN: lake}})
	f("log group /a: subscription filter f: compile pattern", to, declare("/a", "f", "{ $.a = ", lake))
	f("parse field selection", to, Filter{Scope: scope, LogGroup: "/a", SubscriptionFilter: catalog.SubscriptionFilter{
		Name: "f", DestinationARN: lake, FieldSelectionCriteria: "@x = 1"}})
}

// TestFailure keeps what a destination did not take as the oldest that waits, and
// asks the others all the same.
func TestFailure(t *testing.T) {
	down := true
	one, two := &topic{partitions: make([][]line, 1), fail: func() bool { return down }}, &topic{partitions: make([][]line, 1)}
	w := newWorker(t, []Filter{declare("/a", "f", "", lake), declare("/a", "g", "", audit)}, Destination{lake, one}, Destination{audit, two})
	s, parcels := w.Source("events"), []event.Parcel{at(0, 1, batch(t, "/a", "s", "x"))}
	if err := s.Visit(t.Context(), parcels); err == nil || !strings.Contains(err.Error(), lake) {
		t.Errorf("error %v", err)
	}
	status := w.Status()
	if d := status.Destinations[0]; !d.Failing || d.Failures != 1 || d.Oldest != 5000 || d.Events != 0 {
		t.Errorf("the one that failed: %+v", d)
	}
	if d := status.Destinations[1]; d.Failing || d.Oldest != 0 || d.Events != 1 {
		t.Errorf("the other one: %+v", d)
	}
	if status.Events != 0 {
		t.Errorf("%d events are counted before all have them", status.Events)
	}
	down = false
	if err := s.Visit(t.Context(), parcels); err != nil {
		t.Fatal(err)
	}
	if d := w.Status().Destinations[0]; d.Failing || d.Oldest != 0 || d.Events != 1 || d.LastError != "" {
		t.Errorf("after the retry: %+v", d)
	}
	if got := two.read(); !slices.Equal(got, []string{"g: x"}) {
		t.Errorf("the other destination's reader got %q", got)
	}

	down = true
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Visit(ended, parcels); err == nil {
		t.Error("no error")
	}
	if d := w.Status().Destinations[0]; d.Oldest != 0 {
		t.Errorf("what another process was given still waits here: %+v", d)
	}
}

// TestOnce hands a partition from process to process, with crashes in the middle of
// a batch, zombies that repeat and a configuration that changes under way, and
// compares what a reader takes with what every filter should select.
func TestOnce(t *testing.T) {
	f := func(seed uint64) {
		t.Helper()
		rng := rand.New(rand.NewPCG(seed, 7))
		to := &topic{partitions: make([][]line, 1+rng.IntN(3))}
		to.fail = func() bool { return rng.IntN(12) == 0 }
		kept := []Filter{declare("/a", "errors", "ERROR", lake), declare("/a", "all", "", lake), declare("/b", "errors", "ERROR", lake)}
		sets := [][]Filter{kept, append([]Filter{declare("/a", "new", "ok", lake)}, kept...), append([]Filter{declare("/b", "other", "", lake)}, kept...)}
		process := func() *Source { return newWorker(t, sets[rng.IntN(len(sets))], Destination{lake, to}).Source("events") }

		var log []event.Parcel
		want := map[string]int{}
		for offset := range uint64(40) {
			group, stream := []string{"/a", "/b", "/c"}[rng.IntN(3)], strings.Repeat("s", 1+rng.IntN(3))
			var messages []string
			for i := range 1 + rng.IntN(4) {
				m := fmt.Sprintf("%s %d/%d", []string{"ok", "ERROR"}[rng.IntN(2)], offset, i)
				messages = append(messages, m)
				if group == "/a" {
					want["all: "+m]++
				}
				if group != "/c" && strings.HasPrefix(m, "ERROR") {
					want["errors: "+m]++
				}
			}
			log = append(log, at(0, offset, batch(t, group, stream, messages...)))
		}
		s := process()
		for committed := 0; committed < len(log); {
			from := committed
			if rng.IntN(6) == 0 { // a zombie repeats from where it was
				from = rng.IntN(committed + 1)
			}
			end := min(len(log), from+1+rng.IntN(5))
			err := s.Visit(t.Context(), log[from:end])
			switch {
			case err == nil && from == committed && rng.IntN(4) > 0:
				committed = end
			case rng.IntN(2) == 0: // it died, or did before it could commit
				s = process()
			}
		}
		got := map[string]int{}
		for _, text := range to.read() {
			if strings.HasPrefix(text, "all: ") || strings.HasPrefix(text, "errors: ") {
				got[text]++
			}
		}
		for text, n := range want {
			if got[text] != n {
				t.Errorf("seed %d: %q is read %d times", seed, text, got[text])
			}
		}
		for text := range got {
			if want[text] == 0 {
				t.Errorf("seed %d: %q is read and nobody wanted it", seed, text)
			}
		}
	}
	for seed := range uint64(100) {
		f(seed)
	}
}
