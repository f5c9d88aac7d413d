package firehose_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
)

func member(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Records that other producers put into a stream for log events are taken apart
// as those of filters are, in their order; what is none is quarantined.
func TestRecordsOfADecompressingStream(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(1, 60) + "," + extract + `,"ErrorOutputPrefix":"errors/!{firehose:error-output-type}/","Prefix":"x/"`)
	w.put(route, member(t, `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":"one"},{"id":"2","timestamp":2,"message":"two"}]}`))
	w.put(route, "no gzip", member(t, `{"messageType":"CONTROL_MESSAGE","owner":"1","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[]}`))
	if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: seal(t, "three"), Filter: "f"}); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	var data, failed []string
	for _, o := range w.objects() {
		if strings.HasPrefix(o.key, "x/2026/") {
			data = append(data, o.text)
		} else if strings.HasPrefix(o.key, "errors/decompression-failed/") {
			failed = append(failed, raws(t, o.text))
		} else {
			t.Errorf("%s", o.key)
		}
	}
	if d := cmp.Diff([]string{"one\ntwo\nthree\n"}, data); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"no gzip\n"}, failed); d != "" {
		t.Error(d)
	}
	w.settled(4)
	if s := w.status(); s.Quarantined != 1 || s.Dropped != 1 || s.Objects != 2 {
		t.Errorf("%+v", s)
	}
	w.chain("lake", 0)
}
