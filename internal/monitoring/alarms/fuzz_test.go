package alarms

import (
	"bytes"
	"testing"

	"sluice/internal/monitoring/alarms/evaluation"
)

func records() []record {
	t := record{
		kind: kindTransition, at: 5, name: "a", from: evaluation.OK, to: evaluation.Alarm, transitioned: 5, oldReason: "o", reason: "r",
		reasonDetails: "{}", subject: "s", message: "m", actions: []requested{{"arn", "id"}, {"arn2", "id2"}},
	}
	t.scope.Account, t.scope.Region = "0", "r"
	return []record{
		t, {kind: kindConfiguration, at: 1, name: "a", change: created, details: "{}"},
		{kind: kindAction, at: 9, name: "a", transition: 1, index: 1, asked: requested{"arn2", "id2"}, failed: true, fault: "f"},
		{kind: kindMark, at: 60_000},
	}
}

// FuzzRecord: what is read is written back byte by byte.
func FuzzRecord(f *testing.F) {
	for _, r := range records() {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := parseRecord(r.append(nil))
		if err != nil || !bytes.Equal(again.append(nil), r.append(nil)) {
			t.Errorf("%x comes back as %x: %v", b, again.append(nil), err)
		}
	})
}

// FuzzRestore: a snapshot is refused, or stays what it is.
func FuzzRestore(f *testing.F) {
	s := NewState(Limits{})
	f.Add(s.AppendSnapshot(nil))
	for i, r := range records() {
		s.Fold(frameOf(&r, 7, uint64(i+1)))
		f.Add(s.AppendSnapshot(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewState(Limits{})
		if s.Restore(b) != nil {
			return
		}
		s.outbox()
		s.items(wanted{to: 1 << 62, limit: 10})
		for i, r := range records() {
			s.Fold(frameOf(&r, 7, 1000+uint64(i)))
		}
		first := s.AppendSnapshot(nil)
		again := NewState(Limits{})
		if err := again.Restore(first); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.AppendSnapshot(nil), first) {
			t.Error("a snapshot does not come back")
		}
	})
}
