package firehose_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/firehose"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/vfs"
)

// partitioned is a delivery stream of which the crash tests know where each
// record has to land.
type partitioned struct {
	members string
	// message makes one with an id, that belongs under the prefix it returns.
	message func(r *rand.Rand, id string) (at time.Time, text, under string)
}

var manyKeys = partitioned{messagesByKey + "," + hints(64, 60), func(r *rand.Rand, id string) (time.Time, string, string) {
	if r.IntN(12) == 0 {
		return start, "bad " + id, "errors/processing-failed/"
	}
	k := strings.Repeat("k", 1+min(r.IntN(6), r.IntN(6)))
	return start, `{"k":"` + k + `","id":"` + id + `"}`, "k=" + k + "/"
}}

var manyHours = partitioned{eventTime + "," + extract + "," + hints(1, 60), func(r *rand.Rand, id string) (time.Time, string, string) {
	at := start.Add(-time.Duration(min(r.IntN(6), r.IntN(6))) * time.Hour)
	text := id
	if r.IntN(4) == 0 {
		text += strings.Repeat(".", 300<<10)
	}
	return at, text, at.Format("2006-01-02/15/")
}}

// random puts batches and moves the clock, until the machine crashes.
func (p *partitioned) random(w *world, r *rand.Rand, route uint64, done map[string]string, n *int) error {
	for range 6 + r.IntN(8) {
		if r.IntN(3) == 0 {
			if err := w.clock.Advance(context.Background(), time.Duration(r.IntN(70))*time.Second); err != nil {
				return err
			}
			continue
		}
		b := event.GetBuilder(4 << 20)
		ids := map[string]string{}
		for range 1 + r.IntN(6) {
			*n++
			id := fmt.Sprintf("<%d>", *n)
			at, text, under := p.message(r, id)
			if err := b.Append(at.UnixMilli(), []byte(text)); err != nil {
				return err
			}
			ids[id] = under
		}
		sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 2}, event.Source{LogGroup: "g"})
		if err != nil {
			return err
		}
		batch, err := event.Open(slices.Clone(sealed.Record()))
		b.Release()
		if err != nil {
			return err
		}
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: batch, Filter: "f"}); err != nil {
			return err
		}
		for id, under := range ids {
			done[id] = under
		}
	}
	return nil
}

// TestPartitionsCrashAtEveryStep crashes at every step while records of random
// partitions are delivered, twice, restarts, and wants every acknowledged record
// in one object of its own partition, in order.
func TestPartitionsCrashAtEveryStep(t *testing.T) {
	for name, p := range map[string]partitioned{"keys": manyKeys, "hours": manyHours} {
		t.Run(name, func(t *testing.T) {
			crashes := 0
			for at := uint64(0); at < 80; at += stride {
				if p.crashAt(t, at) {
					crashes++
				}
			}
			if crashes < 60/stride {
				t.Errorf("only %d crashes", crashes)
			}
		})
	}
}

func (p *partitioned) crashAt(t *testing.T, at uint64) bool {
	defs, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	disk, log := vfs.NewMem(), newFakeLog(1)
	setup := newWorld(t, config{disk: disk, log: log, defs: defs})
	route := setup.create(p.members)
	setup.stop()

	// Small objects take several passes, and some go straight.
	room := firehose.Config{GatherBytes: []int64{100, 1 << 10, 1 << 20}[at%3]}
	done, n, now := map[string]string{}, 0, start
	r := rand.New(rand.NewPCG(at, 9))
	crashed := false
	for i, m := range []*machine{{seed: 1, at: at}, {seed: 2, at: at*7%31 + 1}, {seed: 3, at: 1 << 40}} {
		w, err := m.bootWith(t, disk, log, defs, now, room)
		if err == nil {
			err = p.random(w, r, route, done, &n)
			now = w.clock.Now()
			w.stop()
		}
		if m.disk == nil {
			if err != nil {
				t.Fatalf("crash at %d: without a crash: %v", at, err)
			}
			continue
		}
		if err != nil && !errors.Is(err, errCrashed) {
			t.Fatalf("crash at %d: %v", at, err)
		}
		crashed = crashed || i == 0
		disk, log = m.disk, m.frames
		log.step = func(string) error { return nil }
	}
	last := newWorld(t, config{disk: disk, log: log, defs: defs, at: now})
	last.advance(time.Hour)
	last.stop()
	last.onceEachInOrder(done, fmt.Sprintf("crash at %d", at))
	return crashed
}

var idIn = regexp.MustCompile(`<(\d+)>`)

// onceEachInOrder wants every acknowledged id once, under its prefix, and those
// under one prefix in order.
func (w *world) onceEachInOrder(done map[string]string, what string) {
	w.Helper()
	texts := map[string]string{}
	for _, o := range w.objects() {
		texts[o.key] = o.text
	}
	seen := map[string]string{}
	last := map[string]int{}
	records := int64(0)
	for _, m := range w.chain("lake", 0) {
		for _, o := range m.Objects {
			under := o.Key[:strings.LastIndexByte(o.Key, '/')+1]
			text, ok := texts[o.Key]
			if !ok {
				w.Fatalf("%s: no object %s", what, o.Key)
			}
			delete(texts, o.Key)
			if o.Kind == "error" {
				text = raws(w, text)
			}
			for _, id := range idIn.FindAllStringSubmatch(text, -1) {
				if seen[id[0]] != "" {
					w.Errorf("%s: %s is there twice: %s and %s", what, id[0], seen[id[0]], under)
				}
				seen[id[0]] = under
				n, _ := strconv.Atoi(id[1])
				if n < last[under] {
					w.Errorf("%s: %s: %d after %d", what, under, n, last[under])
				}
				last[under] = n
				records++
			}
		}
	}
	for key := range texts {
		w.Errorf("%s: no manifest knows %s", what, key)
	}
	for id, under := range done {
		if seen[id] != under {
			w.Errorf("%s: %s is under %q, not %q", what, id, seen[id], under)
		}
	}
	if s := w.status(); s.Delivered != records || s.InFlight != 0 || s.InFlightBytes != 0 {
		w.Errorf("%s: %d records; status %+v", what, records, s)
	}
}

// raws are what the lines of an error object carry.
func raws(t testing.TB, text string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(text) {
		var r struct{ RawData string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(r.RawData)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(raw, '\n'))
	}
	return out.String()
}
