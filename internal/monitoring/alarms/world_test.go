package alarms

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/monitoring/actions"
	"sluice/internal/monitoring/alarms/evaluation"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 2, 26, 10, 0, 0, 0, time.UTC)

const pages = "arn:aws:sns:us-east-1:000000000000:pages"

var caller = awsapi.Caller{Account: "000000000000", Region: "us-east-1"}

// series is one metric: values by the second of their slot's begin.
type series struct {
	mu     sync.Mutex
	values map[int64]float64
}

func (s *series) put(at time.Time, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[at.Unix()] = value
}

// Slots implements Slots for any metric: the average of a slot's values. One
// pass, since an alarm that looks at a day asks for 1,440 slots a minute.
func (s *series) Slots(_ catalog.Scope, _ Metric, _ string, period time.Duration, first time.Time, slots []evaluation.Slot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, v := range s.values {
		since := at - first.Unix()
		i := since / int64(period/time.Second)
		if since < 0 || i >= int64(len(slots)) {
			continue
		}
		slot := &slots[i]
		slot.Real, slot.Samples = true, slot.Samples+1
		slot.Value += (v - slot.Value) / slot.Samples
	}
	return nil
}

// mailbox is a target.
type mailbox struct {
	mu   sync.Mutex
	got  []actions.Notification
	fail func(n actions.Notification) error
}

func (m *mailbox) String() string { return "mailbox" }

func (m *mailbox) Send(_ context.Context, n actions.Notification) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, n)
	if m.fail != nil {
		return m.fail(n)
	}
	return nil
}

func (m *mailbox) all() []actions.Notification {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]actions.Notification(nil), m.got...)
}

func (m *mailbox) states() string {
	var b []string
	for _, n := range m.all() {
		b = append(b, n.State)
	}
	return strings.Join(b, " ")
}

// world is a room over a log in memory.
type world struct {
	t      testing.TB
	fs     *vfs.Mem
	defs   catalog.Store
	clock  *clock.Test
	series *series
	box    *mailbox

	log   *wal.Log
	state *State
	cat   *catalog.Catalog
	room  *Room
	stop  func()
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, fs: vfs.NewMem(), clock: clock.NewTest(start),
		series: &series{values: map[int64]float64{}}, box: &mailbox{},
	}
	w.newCatalog()
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) newCatalog() { w.defs = catalog.NewMemory() }

func frameOf(r *record, uid, seq uint64) wal.Frame {
	return wal.Frame{Type: wal.TypeAlarm, Key: uid, Seq: seq, Payload: r.append(nil)}
}

func (w *world) open() {
	w.t.Helper()
	if err := w.tryOpen(w.fs, w.defs); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryOpen(fsys vfs.FS, defs catalog.Store) error {
	if err := vfs.MkdirAllSync(fsys, "/wal"); err != nil {
		return err
	}
	var err error
	w.state = NewState(Limits{})
	if w.log, err = wal.Open(fsys, wal.Config{Dir: "/wal", SegmentBytes: 16 << 10, BlockBytes: 4 << 10, Folders: []wal.Folder{w.state}}); err != nil {
		return err
	}
	if w.cat, err = catalog.Open(defs); err != nil {
		return err
	}
	table, err := catalog.OpenTable[Definition](w.cat, catalog.Alarms)
	if err != nil {
		return err
	}
	w.room, err = New(Config{
		Definitions: table, UID: w.cat.UID, State: w.state, Journal: w.log, Metrics: w.series, Clock: w.clock,
		Topics: actions.NewTopics(map[string][]actions.Target{pages: {w.box}, topic: {w.box}}), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	end := w.clock.Begin("start") // until the room has its timer
	started := make(chan struct{})
	go func() {
		close(started)
		ended <- w.room.Run(ctx)
	}()
	<-started
	w.until(func() bool {
		w.room.mu.Lock()
		defer w.room.mu.Unlock()
		return w.room.timer != nil || len(ended) > 0
	})
	end()
	w.stop = func() {
		cancel()
		<-ended
	}
	return nil
}

// until spins: what it waits for takes microseconds and has no other sign.
func (w *world) until(done func() bool) {
	for i := 0; !done(); i++ {
		if i > 10_000_000 {
			w.t.Fatal("the room does not start")
		}
	}
}

func (w *world) close() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
		w.log.Close()
	}
}

func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func (w *world) advance(by time.Duration) {
	w.t.Helper()
	if err := w.clock.Advance(w.t.Context(), by); err != nil {
		w.t.Fatal(err)
	}
}

// call serves an operation over AWS JSON.
func (w *world) call(operation string, in any) (map[string]any, error) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, op := range w.room.Operations() {
		if op.Target != awsapi.CloudWatch.Shape+"."+operation {
			continue
		}
		var reply awsapi.Reply
		if err := op.Serve(context.Background(), &awsapi.Request{Caller: caller, Body: body}, &reply); err != nil {
			return nil, err
		}
		out := map[string]any{}
		if len(bytes.TrimSpace(reply.Body)) > 0 {
			err = json.Unmarshal(reply.Body, &out)
		}
		return out, err
	}
	w.t.Fatalf("no operation %s", operation)
	return nil, nil
}

func (w *world) must(operation string, in any) map[string]any {
	w.t.Helper()
	out, err := w.call(operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out
}

type object = map[string]any

// alarm is a request for an alarm on an average over 1, with changes.
func alarm(name string, changes object) object {
	in := object{
		"AlarmName": name, "MetricName": "m", "Namespace": "n", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1,
		"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": []string{pages}, "OKActions": []string{pages},
	}
	for k, v := range changes {
		in[k] = v
	}
	return in
}

// described is the one alarm of a name.
func (w *world) described(name string) object {
	w.t.Helper()
	all := w.must("DescribeAlarms", object{"AlarmNames": []string{name}})["MetricAlarms"].([]any)
	if len(all) != 1 {
		w.t.Fatalf("%d alarms of name %s", len(all), name)
	}
	return all[0].(object)
}

// history lists summaries, the oldest first.
func (w *world) history(name, kind string) (summaries []string) {
	w.t.Helper()
	in := object{"AlarmName": name, "ScanBy": "TimestampAscending", "MaxRecords": 100}
	if kind != "" {
		in["HistoryItemType"] = kind
	}
	for {
		out := w.must("DescribeAlarmHistory", in)
		for _, i := range out["AlarmHistoryItems"].([]any) {
			summaries = append(summaries, fmt.Sprint(i.(object)["HistorySummary"]))
		}
		if out["NextToken"] == nil {
			return summaries
		}
		in["NextToken"] = out["NextToken"]
	}
}
