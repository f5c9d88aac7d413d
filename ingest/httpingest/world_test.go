package httpingest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/ingest/httpingest"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	day   = int64(24 * time.Hour / time.Millisecond)
	hour  = int64(time.Hour / time.Millisecond)
	token = "0123456789abcdef-token"
)

// receiver is the endpoints behind a border that knows one token, over a store in
// memory, with log group /g, which keeps events for 7 days, and /ever, which keeps
// them for ever, and a stream s in each.
type receiver struct {
	t        testing.TB
	api      *awsapi.Server
	catalog  *catalog.Catalog
	store    *store.Store
	seen     *requests.Seen
	received int
	replaced int
	repeated int
}

func receive(t testing.TB, change func(*httpingest.Config)) *receiver {
	t.Helper()
	r := &receiver{t: t}
	var err error
	if r.catalog, err = catalog.Open(catalog.NewMemory()); err != nil {
		t.Fatal(err)
	}
	scope := catalog.Scope{Account: "000000000000", Region: "us-east-1"}
	for name, days := range map[string]int{"/g": 7, "/ever": 0} {
		g, err := r.catalog.CreateLogGroup(catalog.LogGroup{Scope: scope, Name: name, RetentionDays: days})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.catalog.CreateLogStream(g.UID, "s", 1); err != nil {
			t.Fatal(err)
		}
	}
	r.seen = requests.NewSeen(0)
	folders := func(uint32) []wal.Folder { return []wal.Folder{r.seen} }
	if r.store, err = store.Open(vfs.NewMem(), store.Config{Dir: "/wal", Folders: folders}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.store.Close() })
	cfg := httpingest.Config{
		Definitions: r.catalog, Appender: r.store, Rejections: r.store, Clock: clock.NewTest(now),
		Received: func(events int) { r.received += events }, Replaced: func(bytes int) { r.replaced += bytes },
		Requests: requests.NewWindow(r.seen), Repeated: func(events int) { r.repeated += events },
	}
	if change != nil {
		change(&cfg)
	}
	in, err := httpingest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.api, err = awsapi.New(awsapi.Config{
		Endpoints: in.Endpoints(), BearerTokens: []awsapi.BearerToken{{Token: token}},
		Credentials: []awsapi.Credential{{AccessKey: "AKID", SecretKey: "secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// post sends a body as the holder of the token, for stream s of /ever unless the
// headers say otherwise. A header without value is left out.
func (r *receiver) post(url, body string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, url, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("x-aws-log-group", "/ever")
	req.Header.Set("x-aws-log-stream", "s")
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return w
}

// stored lists what is in the log as time:message, times from now, a bar between
// batches.
func (r *receiver) stored() string {
	r.t.Helper()
	var out bytes.Buffer
	for _, group := range r.catalog.Groups(catalog.Scope{Account: "000000000000", Region: "us-east-1"}, "", "", 100) {
		err := r.store.Scan(context.Background(), store.Query{Group: group.UID, From: 0, To: 1 << 62}, func(b event.Batch) error {
			for i := range b.Len() {
				fmt.Fprintf(&out, "%d:%s ", b.Timestamp(i)-now.UnixMilli(), b.Message(i))
			}
			out.WriteString("| ")
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return strings.TrimSuffix(out.String(), " | ")
}

// balanced checks that received = stored + rejected.
func (r *receiver) balanced() {
	r.t.Helper()
	if total := r.store.Totals(); uint64(r.received) != total.Events+total.Rejected.Sum() {
		r.t.Errorf("received %d, stored %d, rejected %+v", r.received, total.Events, total.Rejected)
	}
}

func at(ms int64) string { return fmt.Sprint(now.UnixMilli() + ms) }

const (
	ndjson   = "application/x-ndjson"
	asJSON   = "application/json"
	protobuf = "application/x-protobuf"
)

// partial is the answer to a request of which something was refused.
func partial(n int, old, young, expired int, more string) string {
	return fmt.Sprintf(`{"partialSuccess":{"rejectedLogRecords":%d,"errorMessage":"{\"tooOldLogEventCount\": %d, \"tooNewLogEventCount\": %d, \"expiredLogEventCount\": %d%s}"}}`,
		n, old, young, expired, more)
}
