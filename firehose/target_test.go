package firehose_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/event"
)

// Objects come out at the size that was asked for, whatever the codec makes of
// the content, and also when the content changes.
func TestTargetObjectSize(t *testing.T) {
	if stride > 1 {
		t.Skip("codecs take long under the race detector")
	}
	f := func(members string) {
		t.Helper()
		store := &tallyStore{}
		w := newWorld(t, config{store: store})
		route := w.create(hints(1, 900) + `,"CompressionFormat":"GZIP",` + members)
		r := rand.New(rand.NewPCG(1, 1))
		noise := make([]byte, 40)
		for i := range 400 {
			var lines []string
			for range 1000 {
				for k := range noise[:10+i/24] { // compresses less and less
					noise[k] = byte(r.Uint32())
				}
				lines = append(lines, fmt.Sprintf(`2026-01-02T03:04:05Z INFO request handled method=GET path=/cart id=%s`, hex.EncodeToString(noise[:10+i/24])))
			}
			if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: seal(t, lines...), Filter: "f"}); err != nil {
				t.Fatal(err)
			}
		}
		w.advance(time.Second)
		sizes := store.sizes
		if len(sizes) < 6 {
			t.Errorf("%s: %d", members, sizes)
		}
		for i, n := range sizes {
			if n < 1<<20*8/10 || n > 1<<20*12/10 {
				t.Errorf("%s: object %d of %d is %d bytes", members, i, len(sizes), n)
			}
		}
	}
	f(extract + `,"SluiceConfiguration":{"TargetObjectSizeInMBs":1}`)
	f(extract + `,"SluiceConfiguration":{"TargetObjectSizeInMBs":1,"Timestamp":"event"}`)
}
