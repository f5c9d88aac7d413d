package firehose_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// createFrom makes the delivery stream "lake" that reads the topic.
func (w *world) createFrom(members string) {
	w.Helper()
	if members != "" {
		members = "," + members
	}
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"lake","DeliveryStreamType":"MSKAsSource",`+mskOf(clusterARN, topicName)+
		`"ExtendedS3DestinationConfiguration":{`+roleAndBucket+members+`}}`)
}

func numbered(from, to int) (out [][]byte) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Appendf(nil, "<%d>\n", i))
	}
	return out
}

// ids are the numbers of records in all objects, those of errors, too.
func (w *world) ids() map[string]int {
	w.Helper()
	seen := map[string]int{}
	for _, o := range w.objects() {
		text := o.text
		if strings.HasPrefix(o.key, "errors/") {
			text = ""
			for line := range strings.Lines(o.text) {
				var e struct{ RawData []byte }
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					w.Fatal(err)
				}
				text += string(e.RawData)
			}
		}
		for _, id := range numberPattern.FindAllString(text, -1) {
			seen[id]++
		}
	}
	return seen
}

var numberPattern = regexp.MustCompile(`<[0-9]+>`)

// once wants the records [0, n) in the objects, each one time, and a bucket that
// verifies.
func (w *world) once(n int, what string) {
	w.Helper()
	seen := w.ids()
	for i := range n {
		id := fmt.Sprintf("<%d>", i)
		if seen[id] != 1 {
			w.Errorf("%s: %s is there %d times", what, id, seen[id])
		}
		delete(seen, id)
	}
	if len(seen) > 0 {
		w.Errorf("%s: %d records more: %.200v", what, len(seen), seen)
	}
	if r := verified(w.TB, w.disk); !r.Complete || r.InFlight > 0 || r.Foreign > 0 {
		w.Errorf("%s: %+v", what, r)
	}
}

func TestSourceOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic(2)
		topic.produce(0, start.UnixMilli(), numbered(0, 3)...)
		w := newWorld(t, config{outside: topic})
		w.createFrom(hints(1, 60))
		synctest.Wait()
		if s := w.status(); s.InFlight != 3 || s.Lag != 3 || s.Parts != 2 || s.SpoolBytes == 0 || !s.Outside {
			t.Errorf("%+v", s)
		}
		topic.produce(1, start.UnixMilli(), numbered(3, 5)...)
		topic.produce(0, start.UnixMilli(), nil, []byte("<5>\n"), nil)
		synctest.Wait()
		w.advance(59 * time.Second)
		if n := len(w.objects()); n != 0 {
			t.Errorf("%d objects before the hint", n)
		}
		w.advance(time.Second)
		synctest.Wait()
		w.once(6, "by interval")
		if s := w.status(); s.InFlight != 0 || s.Lag != 0 || s.SpoolBytes != 0 || s.Delivered != 6 || s.Objects != 2 {
			t.Errorf("%+v", s)
		}
		topic.produce(0, start.UnixMilli(), []byte("<6>"+strings.Repeat(".", 1<<20)))
		synctest.Wait()
		if s := w.status(); s.Delivered != 7 {
			t.Errorf("by size: %+v", s)
		}
		if _, err := w.call("PutRecord", `{"DeliveryStreamName":"lake","Record":{"Data":"eA=="}}`); err == nil ||
			!strings.Contains(err.Error(), "This operation is not permitted on MSKAsSource delivery stream type.") {
			t.Error("put into a stream with a source:", err)
		}
		chains := verified(t, w.disk).Chains
		if len(chains) != 2 || chains[0].Lane != "orders-0" || chains[1].Lane != "orders-1" || chains[0].Position != 7 {
			t.Errorf("%+v", chains)
		}
		out := w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`)
		for _, want := range []string{`"DeliveryStreamType":"MSKAsSource"`, `"Source":{"MSKSourceDescription":{"MSKClusterARN":"` + clusterARN + `","TopicName":"orders","AuthenticationConfiguration":{`, `"DeliveryStartTimestamp":1767323045`} {
			if !strings.Contains(out, want) {
				t.Errorf("description %s has no %s", out, want)
			}
		}
		w.must("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`)
		w.stop()
	})
}
