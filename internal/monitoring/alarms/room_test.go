package alarms

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/monitoring/actions"
)

// TestFiveMinuteAlarm is the life of an alarm: no data, a breach, and calm.
func TestFiveMinuteAlarm(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("slow", object{"Period": 300, "AlarmDescription": "too slow"}))
	if s := w.described("slow"); s["StateValue"] != "INSUFFICIENT_DATA" || s["StateReason"] != initialReason || s["StateReasonData"] != nil {
		t.Fatal(s)
	}
	w.series.put(start.Add(30*time.Second), 5)
	w.advance(5*time.Minute + time.Minute)
	s := w.described("slow")
	if s["StateValue"] != "ALARM" {
		t.Fatal(s)
	}
	if got, want := s["StateReason"], "Threshold Crossed: 1 datapoint [5.0 (26/02/26 09:56:00)] was greater than the threshold (1.0)."; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	w.series.put(start.Add(8*time.Minute), 0)
	w.advance(10 * time.Minute)
	if s := w.described("slow"); s["StateValue"] != "OK" {
		t.Error(s)
	}
	if got := w.box.states(); got != "ALARM OK" {
		t.Errorf("delivered %s", got)
	}
	first := w.box.all()[0]
	if first.Subject != `ALARM: "slow" in US East (N. Virginia)` || len(first.ID) != 36 || !strings.Contains(first.Message, `"AlarmDescription":"too slow"`) {
		t.Errorf("%+v", first)
	}
	want := []string{
		`Alarm "slow" created`, "Alarm updated from INSUFFICIENT_DATA to ALARM", "Successfully executed action " + pages,
		"Alarm updated from ALARM to OK", "Successfully executed action " + pages,
	}
	if got := w.history("slow", ""); !slices.Equal(got, want) {
		t.Errorf("history %q\nwant %q", got, want)
	}
}

// TestDetailsAreBounded: an alarm that looks at a day says what of it is new.
func TestDetailsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("day", object{"EvaluationPeriods": 1440, "DatapointsToAlarm": 200, "TreatMissingData": "notBreaching"}))
	for i := range 300 {
		w.series.put(start.Add(time.Duration(i)*time.Minute), 7)
	}
	w.advance(5 * time.Hour)
	s := w.described("day")
	details, _ := s["StateReasonData"].(string)
	var d reasonDetails
	if err := json.Unmarshal([]byte(details), &d); err != nil || s["StateValue"] != "ALARM" || len(details) > maxDetails || len(d.Evaluated) < 20 {
		t.Errorf("%s, %d bytes with %d datapoints, %v", s["StateValue"], len(details), len(d.Evaluated), err)
	}
}

// TestEveryDueEvaluationHappens: one jump over an hour sees a breach of one
// minute in its middle.
func TestEveryDueEvaluationHappens(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("blip", object{"TreatMissingData": "notBreaching"}))
	w.series.put(start.Add(30*time.Minute), 7)
	w.advance(time.Hour)
	want := []string{"Alarm updated from INSUFFICIENT_DATA to OK", "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"}
	if got := w.history("blip", "StateUpdate"); !slices.Equal(got, want) {
		t.Errorf("history %q", got)
	}
	if got := w.box.states(); got != "OK ALARM OK" {
		t.Errorf("delivered %s", got)
	}
}

// TestTenSecondAlarm is evaluated every ten seconds.
func TestTenSecondAlarm(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("fast", object{"Period": 10, "EvaluationPeriods": 2, "TreatMissingData": "breaching"}))
	w.advance(20 * time.Second)
	if s := w.described("fast"); s["StateReason"] != "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]." {
		t.Error(s)
	}
}

// TestDownFor: metrics of before the stop are evaluated as of the time in
// between, once.
func TestDownFor(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("a", object{"TreatMissingData": "notBreaching"}))
	w.advance(5 * time.Minute)
	w.series.put(start.Add(5*time.Minute), 3)
	w.close()
	w.advance(30 * time.Minute)
	w.open()
	w.advance(time.Second)
	want := []string{"Alarm updated from INSUFFICIENT_DATA to OK", "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"}
	if got := w.history("a", "StateUpdate"); !slices.Equal(got, want) {
		t.Errorf("history %q", got)
	}
	w.restart()
	w.advance(10 * time.Minute)
	if got := w.history("a", "StateUpdate"); !slices.Equal(got, want) {
		t.Errorf("after another restart: %q", got)
	}
	if got := w.box.states(); got != "OK ALARM OK" {
		t.Errorf("delivered %s", got)
	}
}

// TestRetries: an action is tried for an hour, under one id, and stands in the
// history once.
func TestRetries(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("out of order")
	attempts := 0
	w.box.fail = func(actions.Notification) error {
		if attempts++; attempts < 4 {
			return broken
		}
		return nil
	}
	w.must("PutMetricAlarm", alarm("a", nil))
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "ALARM", "StateReason": "by hand"})
	w.advance(20 * time.Second)
	got := w.box.all()
	if len(got) != 4 || got[0].ID != got[3].ID {
		t.Errorf("%d attempts", len(got))
	}
	if h := w.history("a", "Action"); !slices.Equal(h, []string{"Successfully executed action " + pages}) {
		t.Errorf("history %q", h)
	}

	w.box.fail = func(actions.Notification) error { return broken }
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "OK", "StateReason": "by hand"})
	w.restart()
	w.advance(61 * time.Minute)
	h := w.history("a", "Action")
	if len(h) != 2 || !strings.HasPrefix(h[1], "Failed to execute action "+pages+". Received error: \"notify mailbox: out of order") {
		t.Errorf("history %q", h)
	}
	if n := w.room.Pending(); n != 0 {
		t.Errorf("%d actions pending", n)
	}
}

// TestOrder: while an ALARM is tried again its OK waits behind it, and the clock
// moves on.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	down := true
	w.box.fail = func(actions.Notification) error {
		if down {
			return errors.New("down")
		}
		return nil
	}
	w.must("PutMetricAlarm", alarm("a", object{"TreatMissingData": "ignore"}))
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "ALARM", "StateReason": "x"})
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "OK", "StateReason": "x"})
	w.advance(time.Minute)
	if strings.Contains(w.box.states(), "OK") {
		t.Errorf("overtaken: %s", w.box.states())
	}
	w.box.mu.Lock()
	down, w.box.got = false, nil
	w.box.mu.Unlock()
	w.advance(2 * time.Minute)
	if got := w.box.states(); got != "ALARM OK" {
		t.Errorf("delivered %s", got)
	}
}

func TestActionsWithoutTarget(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("a", object{"AlarmActions": []string{pages + "-unknown"}}))
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "ALARM", "StateReason": "x"})
	w.advance(time.Second)
	h := w.history("a", "Action")
	if len(h) != 1 || !strings.Contains(h[0], "no target is configured for it under topics") {
		t.Errorf("history %q", h)
	}
}

func TestDisabledActions(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("a", nil))
	w.must("DisableAlarmActions", object{"AlarmNames": []string{"a", "unknown"}})
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "ALARM", "StateReason": "x"})
	w.advance(time.Second)
	if s := w.described("a"); s["StateValue"] != "ALARM" || s["ActionsEnabled"] != false || len(w.box.all()) > 0 {
		t.Errorf("%v, delivered %s", s, w.box.states())
	}
	w.must("EnableAlarmActions", object{"AlarmNames": []string{"a"}})
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "OK", "StateReason": "x"})
	w.advance(time.Second)
	if got := w.box.states(); got != "OK" {
		t.Errorf("delivered %s", got)
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("a", nil))
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "ALARM", "StateReason": "x"})
	if _, err := w.call("DeleteAlarms", object{"AlarmNames": []string{"a", "unknown"}}); err != errNotFound {
		t.Errorf("an unknown name: %v", err)
	}
	w.must("DeleteAlarms", object{"AlarmNames": []string{"a"}})
	w.advance(10 * time.Minute)
	if all := w.must("DescribeAlarms", object{})["MetricAlarms"].([]any); len(all) != 0 {
		t.Error(all)
	}
	h := w.history("a", "")
	if h[0] != `Alarm "a" created` || !slices.Contains(h, `Alarm "a" deleted`) {
		t.Errorf("history %q", h)
	}
	w.must("PutMetricAlarm", alarm("a", nil))
	if s := w.described("a"); s["StateValue"] != "INSUFFICIENT_DATA" {
		t.Errorf("made again, it is %v", s["StateValue"])
	}
	w.advance(15 * 24 * time.Hour)
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "OK", "StateReason": "x"})
	if h := w.history("a", ""); slices.Contains(h, `Alarm "a" deleted`) {
		t.Errorf("history after 15 days: %q", h)
	}
}

// TestUpdateKeepsTheState and asks for no action.
func TestUpdateKeepsTheState(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("a", object{"TreatMissingData": "ignore", "Tags": []object{{"Key": "k", "Value": "v"}}}))
	w.must("SetAlarmState", object{"AlarmName": "a", "StateValue": "ALARM", "StateReason": "x"})
	w.must("PutMetricAlarm", alarm("a", object{"TreatMissingData": "ignore", "Threshold": 9}))
	w.advance(5 * time.Minute)
	if s := w.described("a"); s["StateValue"] != "ALARM" || s["Threshold"] != 9.0 {
		t.Error(s)
	}
	if got := w.box.states(); got != "ALARM" {
		t.Errorf("delivered %s", got)
	}
	tags := w.must("ListTagsForResource", object{"ResourceARN": arn(scopeOf(caller), "a")})["Tags"].([]any)
	if len(tags) != 1 {
		t.Errorf("tags %v", tags)
	}
}

func TestHistoryDetails(t *testing.T) {
	w := newWorld(t)
	w.must("PutMetricAlarm", alarm("a", object{"Unit": "Seconds"}))
	w.series.put(start, 5)
	w.advance(2 * time.Minute)
	out := w.must("DescribeAlarmHistory", object{"AlarmName": "a", "HistoryItemType": "StateUpdate"})
	var details struct {
		NewState struct{ StateReasonData reasonDetails }
	}
	item := out["AlarmHistoryItems"].([]any)[0].(object)
	if err := json.Unmarshal([]byte(item["HistoryData"].(string)), &details); err != nil {
		t.Fatal(err)
	}
	d := details.NewState.StateReasonData
	if d.Version != "1.0" || d.Unit != "Seconds" || d.Statistic != "Average" || d.Period != 60 || !slices.Equal(d.Recent, []float64{5}) ||
		len(d.Evaluated) != 1 || d.Evaluated[0].Timestamp != "2026-02-26T10:00:00.000+0000" || *d.Evaluated[0].Value != 5 || d.StartDate != d.Evaluated[0].Timestamp {
		t.Errorf("%+v", d)
	}
}
