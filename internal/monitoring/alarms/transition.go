package alarms

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"

	"sluice/internal/monitoring/alarms/evaluation"
)

// newTransition is the record of a state that is set, with the actions that a
// change asks for.
func newTransition(a *scheduled, from Current, to evaluation.State, reason, details string, at int64) record {
	t := record{
		kind: kindTransition, at: at, scope: a.scope, name: a.Name, from: from.State, to: to, transitioned: from.Transitioned,
		oldReason: from.Reason, oldDetails: from.ReasonDetails, reason: reason, reasonDetails: details,
	}
	if t.from == t.to {
		return t
	}
	t.transitioned = at
	for _, arn := range a.actions(to) {
		t.actions = append(t.actions, requested{arn, newID()})
	}
	if len(t.actions) > 0 {
		t.subject, t.message = subject(&t), message(a, &t)
	}
	return t
}

// newID is a random UUID: an id that comes from names and numbers would come
// again with a new data folder, and receivers that drop repeats would drop it.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[0:], b[0:4])
	hex.Encode(text[9:], b[4:6])
	hex.Encode(text[14:], b[6:8])
	hex.Encode(text[19:], b[8:10])
	hex.Encode(text[24:], b[10:])
	for _, i := range [...]int{8, 13, 18, 23} {
		text[i] = '-'
	}
	return string(text[:])
}

// reasonDetails is the member StateReasonData.
type reasonDetails struct {
	Version   string               `json:"version"`
	QueryDate string               `json:"queryDate"`
	StartDate string               `json:"startDate,omitzero"`
	Unit      string               `json:"unit,omitzero"`
	Statistic string               `json:"statistic"`
	Period    int32                `json:"period"`
	Recent    []float64            `json:"recentDatapoints"`
	Threshold float64              `json:"threshold"`
	Evaluated []evaluatedDatapoint `json:"evaluatedDatapoints"`
}

type evaluatedDatapoint struct {
	Timestamp   string   `json:"timestamp"`
	SampleCount *float64 `json:"sampleCount,omitzero"`
	Value       *float64 `json:"value,omitzero"`
}

// maxDetails is AWS's limit of StateReasonData.
const maxDetails = 4000

// leastDatapoint is what an evaluated one takes of it, without a value.
const leastDatapoint = len(`{"timestamp":"2026-02-26T10:14:11.000+0000"},`)

// details are the datapoints of an evaluation as JSON: recent ones the oldest
// first, evaluated ones the newest first. Where an evaluation takes thousands, it
// is the newest: they are kept for as long as the alarm is in its state.
func (a *scheduled) details(why evaluation.Reason, at int64) string {
	for n := min(len(why.Judged), maxDetails/leastDatapoint); ; n-- {
		if details := a.detailsOf(why.Judged, n, at); len(details) <= maxDetails || n <= 1 {
			return details
		}
	}
}

// detailsOf has the newest n datapoints of those that were judged.
func (a *scheduled) detailsOf(judged []evaluation.Slot, n int, at int64) string {
	d := reasonDetails{
		Version: "1.0", QueryDate: evaluation.Stamp(utc(at * 1000)), Unit: a.Metric.Unit, Statistic: a.statistic(),
		Period: a.Period, Recent: []float64{}, Threshold: a.Threshold,
	}
	for i, s := range judged {
		p := evaluatedDatapoint{Timestamp: evaluation.Stamp(s.At)}
		if s.Real {
			p.SampleCount, p.Value = &s.Samples, &s.Value
			d.StartDate = p.Timestamp
		}
		if i < n {
			d.Evaluated = append(d.Evaluated, p)
		}
	}
	for i := n - 1; i >= 0; i-- {
		if s := judged[i]; s.Real {
			d.Recent = append(d.Recent, s.Value)
		}
	}
	return text(d)
}

// text is JSON as AWS writes it, without escapes for HTML.
func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("alarms: encode " + err.Error()) // finite numbers and texts only
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
