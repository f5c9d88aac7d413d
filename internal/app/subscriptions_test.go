package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:alert"
	otherOwner  = "222222222222"
)

// function is what a webhook posts to: it keeps events by id.
type function struct {
	mu     sync.Mutex
	status int
	events map[string]string // message by event id
	owners map[string]bool
	levels map[string]bool
	probes int
}

func serveFunction(t *testing.T) (*function, string) {
	f := &function{events: map[string]string{}, owners: map[string]bool{}, levels: map[string]bool{}}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

func (f *function) answer(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Awslogs struct{ Data []byte } }
	var doc struct {
		MessageType, Owner, PolicyLevel string
		LogEvents                       []struct{ ID, Message string }
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	if err == nil {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(in.Awslogs.Data)); err == nil {
			err = json.NewDecoder(z).Decode(&doc)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || f.status != 0 {
		http.Error(w, fmt.Sprint(err), max(f.status, http.StatusBadRequest))
		return
	}
	if doc.MessageType == "CONTROL_MESSAGE" {
		f.probes++
		return
	}
	f.owners[doc.Owner], f.levels[doc.PolicyLevel] = true, true
	for _, e := range doc.LogEvents {
		f.events[e.ID] = e.Message
	}
}

func (f *function) got() (messages []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.events {
		messages = append(messages, m)
	}
	slices.Sort(messages)
	return messages
}

// toFunction is a configuration whose filter sends to a webhook.
func toFunction(url string) func(*app.Config) {
	return func(c *app.Config) {
		c.Pipelines.DeliveryStreams = nil
		c.Pipelines.SubscriptionFilters[0].DestinationARN = functionARN
		c.Destinations.Webhooks = []app.Webhook{{ARN: functionARN, URL: url}}
	}
}

// TestWebhookOverARestart sends to a webhook that is down, ends the process, and
// wants every match there once the next one runs.
func TestWebhookOverARestart(t *testing.T) {
	f, url := serveFunction(t)
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	p := begin(t, fsys, defs, toFunction(url))
	if f.probes != 1 {
		t.Errorf("%d test messages", f.probes)
	}
	f.answer(http.StatusServiceUnavailable)
	var want []string
	for i := range 50 {
		m := fmt.Sprintf("%s %02d", wanted, i)
		want = append(want, m)
		if !p.put("s0", m, "INFO") {
			t.Fatal("put")
		}
	}
	p.until("a try failed, and all is matched", func() bool {
		return p.metric("sluice_destination_failures_total") > 0 && p.metric("sluice_filter_lag_frames") == 0
	})
	if n := p.metric("sluice_destination_in_flight_events"); n != 50 {
		t.Errorf("%v in flight", n)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	f.answer(0)
	p = begin(t, fsys, defs, toFunction(url))
	p.until("everything is delivered", func() bool { return p.metric("sluice_destination_in_flight_events") == 0 })
	if got := f.got(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if n := p.metric("sluice_destination_delivered_events_total"); n != 50 {
		t.Errorf("%v delivered", n)
	}
}

// TestWebhookOverCrashes cuts the power at operations of the disk, and wants every
// acknowledged match at the webhook: again is allowed, under the same id.
func TestWebhookOverCrashes(t *testing.T) {
	total := webhookCrash(t, 1<<30)
	if total < 20 {
		t.Fatalf("only %d operations", total)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 12 {
		webhookCrash(t, r.IntN(total))
	}
}

func webhookCrash(t *testing.T, at int) int {
	t.Helper()
	f, url := serveFunction(t)
	m := &machine{mem: vfs.NewMem(), at: at, off: func() {}}
	defs := catalog.NewMemory()
	acked, n := map[string]bool{}, 0
	if p, err := try(t, vfs.Fault(m.mem, m.step), m.mem, defs, toFunction(url)); err == nil {
		for range 8 {
			id := fmt.Sprint(wanted, " ", n)
			n++
			acked[id] = p.put("s0", id, "INFO") && m.left() == nil
		}
		p.stop()
	}
	after := m.left()
	if after == nil {
		after = m.mem
	}
	p, err := try(t, after, after, defs, toFunction(url))
	if err != nil {
		t.Fatalf("crash at %d: start again: %v", at, err)
	}
	p.until("everything is delivered", func() bool {
		return p.metric("sluice_filter_lag_frames") == 0 && p.metric("sluice_destination_in_flight_events") == 0
	})
	got := f.got()
	for id, ok := range acked {
		if times := len(got) - len(slices.DeleteFunc(slices.Clone(got), func(m string) bool { return m == id })); ok && times == 0 || times > 1 {
			t.Errorf("crash at %d: %s is there under %d ids, acknowledged: %v", at, id, times, ok)
		}
	}
	if accepted, delivered := p.metric("sluice_destination_accepted_events_total"), p.metric("sluice_destination_delivered_events_total"); accepted != delivered {
		t.Errorf("crash at %d: %v accepted, %v delivered", at, accepted, delivered)
	}
	if err := p.stop(); err != nil {
		t.Errorf("crash at %d: %v", at, err)
	}
	return m.steps
}

// ask makes a call that must succeed.
func (p *process) ask(target string, in any) {
	p.t.Helper()
	if code, body := p.call("Logs_20140328."+target, in); code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", target, code, body)
	}
}

// askAs makes a call that another account makes.
func (p *process) askAs(account, target string, in any) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+target)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	w := httptest.NewRecorder()
	p.app.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
}

// TestPolicyEditAtRunTime closes a destination to the sender's account, opens it
// again, and wants nothing lost: what was matched meanwhile waited.
func TestPolicyEditAtRunTime(t *testing.T) {
	f, url := serveFunction(t)
	target := "arn:aws:kinesis:us-east-1:" + otherOwner + ":stream/s"
	_ = url
	fake, kinesisURL := serveKinesis(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		toFunction(url)(c)
		c.Destinations.Kinesis = []app.KinesisDestination{{ARN: target, Endpoint: kinesisURL}}
	})
	const shared = "arn:aws:logs:us-east-1:" + otherOwner + ":destination:shared"
	p.askAs(otherOwner, "PutDestination", map[string]any{"destinationName": "shared", "targetArn": target, "roleArn": "arn:aws:iam::1:role/r"})
	edit := func(effect string) {
		p.t.Helper()
		policy := `{"Statement":{"Effect":"` + effect + `","Principal":{"AWS":"000000000000"},"Action":"logs:PutSubscriptionFilter","Resource":"` + shared + `"}}`
		p.askAs(otherOwner, "PutDestinationPolicy", map[string]any{"destinationName": "shared", "accessPolicy": policy})
	}
	edit("Allow")
	p.ask("PutSubscriptionFilter", map[string]any{"logGroupName": group, "filterName": "across", "filterPattern": "", "destinationArn": shared})
	put := func(message string) {
		p.t.Helper()
		if !p.put("s0", message) {
			t.Fatal("put")
		}
	}
	put("one")
	p.until("one arrived", func() bool { return slices.Equal(fake.got(), []string{"one"}) })
	edit("Deny")
	put("two")
	p.until("two waits", func() bool { return p.metric("sluice_destination_in_flight_events") == 1 })
	if got := fake.got(); len(got) != 1 {
		t.Errorf("%v went past the policy", got)
	}
	edit("Allow")
	put("three")
	p.until("all arrived", func() bool { return slices.Equal(fake.got(), []string{"one", "three", "two"}) })
	if got := f.got(); len(got) != 0 {
		t.Error(got)
	}
}

// TestAccountPolicySendsFromAllGroups wants events of a group that was made after
// the policy, and none of one that the policy takes out.
func TestAccountPolicySendsFromAllGroups(t *testing.T) {
	f, url := serveFunction(t)
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		toFunction(url)(c)
		c.Pipelines.SubscriptionFilters = nil
	})
	p.ask("PutAccountPolicy", map[string]any{
		"policyName": "all", "policyType": "SUBSCRIPTION_FILTER_POLICY", "selectionCriteria": `LogGroupName NOT IN ["` + group + `"]`,
		"policyDocument": `{"DestinationArn":"` + functionARN + `","FilterPattern":"ERROR"}`,
	})
	put := func(g, message string) {
		p.t.Helper()
		p.ask("PutLogEvents", map[string]any{"logGroupName": g, "logStreamName": "s0", "logEvents": []any{map[string]any{"timestamp": time.Now().UnixMilli(), "message": message}}})
	}
	p.ask("CreateLogGroup", map[string]any{"logGroupName": "later"})
	p.ask("CreateLogStream", map[string]any{"logGroupName": "later", "logStreamName": "s0"})
	put(group, "ERROR here")
	put("later", "INFO there")
	put("later", "ERROR there")
	p.until("it arrived", func() bool { return slices.Equal(f.got(), []string{"ERROR there"}) })
	if read, matched := p.metric("sluice_filter_read_events_total"), p.metric("sluice_filter_matched_events_total"); read != 2 || matched != 1 {
		t.Errorf("%v read, %v matched", read, matched)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.levels["ACCOUNT_LEVEL_POLICY"] || !f.owners["000000000000"] {
		t.Error(f.levels, f.owners)
	}
}

// kinesisServer speaks as much of Kinesis as a destination needs.
type kinesisServer struct {
	mu     sync.Mutex
	events []string
}

func serveKinesis(t *testing.T) (*kinesisServer, string) {
	k := &kinesisServer{}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	return k, s.URL
}

func (k *kinesisServer) got() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(slices.Values(k.events))
}

func (k *kinesisServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var in struct{ Records []struct{ Data string } }
	if err := json.Unmarshal(body, &in); err != nil || len(in.Records) == 0 {
		// The SDK speaks CBOR to newer endpoints only when told so.
		http.Error(w, fmt.Sprintf("%s: %v", r.Header.Get("Content-Type"), err), http.StatusBadRequest)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []map[string]string
	for _, r := range in.Records {
		data, _ := base64.StdEncoding.DecodeString(r.Data)
		z, err := gzip.NewReader(bytes.NewReader(data))
		var doc struct {
			MessageType string
			LogEvents   []struct{ Message string }
		}
		if err != nil || json.NewDecoder(z).Decode(&doc) != nil {
			http.Error(w, "no document", http.StatusBadRequest)
			return
		}
		for _, e := range doc.LogEvents {
			if doc.MessageType == "DATA_MESSAGE" {
				k.events = append(k.events, e.Message)
			}
		}
		out = append(out, map[string]string{"SequenceNumber": "1", "ShardId": "shardId-000000000000"})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewEncoder(w).Encode(map[string]any{"FailedRecordCount": 0, "Records": out}); err != nil {
		return // the client is gone
	}
}
