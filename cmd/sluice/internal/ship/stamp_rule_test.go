package ship_test

import (
	"testing"
	"time"

	"sluice/cmd/sluice/internal/ship"
)

func TestStampRule(t *testing.T) {
	f := func(rule ship.StampRule, line, want string) { // "": no time is found
		t.Helper()
		stamp, err := rule.Compile()
		if err != nil {
			t.Fatal(err)
		}
		ms, ok := stamp([]byte(line))
		got := ""
		if ok {
			got = time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%+v on %q: %q, want %q", rule, line, got, want)
		}
	}
	iso := ship.StampRule{Regex: `^\S+`}
	f(iso, "2026-01-02T03:04:05Z GET /", "2026-01-02T03:04:05Z")
	f(iso, "2026-01-02T03:04:05.678+01:00 GET /", "2026-01-02T02:04:05.678Z")
	f(iso, "yesterday GET /", "")
	f(iso, "", "")
	apache := ship.StampRule{Regex: `\[([^\]]+)\]`, Format: "%d/%b/%Y:%H:%M:%S %z"}
	f(apache, `1.2.3.4 - - [10/Oct/2025:13:55:36 +02:00] "GET /"`, "2025-10-10T11:55:36Z")
	f(apache, `1.2.3.4 - - [10/Oct/2025:13:55:36 -0700] "GET /"`, "2025-10-10T20:55:36Z")
	python := ship.StampRule{Regex: `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+`, Format: "%F %T,%f", Zone: "Europe/Berlin"}
	f(python, "2026-07-01 12:00:00,123 INFO x", "2026-07-01T10:00:00.123Z")
	f(ship.StampRule{Regex: `^(\d+)`, Format: "unix"}, "1767323045 x", "2026-01-02T03:04:05Z")
	f(ship.StampRule{Regex: `^(\d+)`, Format: "unix_ms"}, "1767323045123 x", "2026-01-02T03:04:05.123Z")
	f(ship.StampRule{Regex: `^(\d+)`, Format: "unix"}, "99999999999999999999 x", "")
	f(ship.StampRule{Regex: `(a)|(\d+)`, Format: "unix"}, "7 x", "")
	f(ship.StampRule{Member: "ts"}, `{"ts":7000}`, "1970-01-01T01:56:40Z")
}

// TestStampWithoutYear takes the year that is nearest.
func TestStampWithoutYear(t *testing.T) {
	stamp, err := ship.StampRule{Regex: `^\w+ +\d+ \S+`, Format: "%b %e %H:%M:%S"}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	f := func(at time.Time) {
		t.Helper()
		line := at.UTC().Format("Jan _2 15:04:05") + " host sshd[1]: hello"
		if ms, ok := stamp([]byte(line)); !ok || ms != at.UnixMilli() {
			t.Errorf("%q: %v, %t, want %v", line, time.UnixMilli(ms).UTC(), ok, at)
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	f(now)
	f(now.Add(-100 * 24 * time.Hour))
	f(now.Add(100 * 24 * time.Hour))
}

func TestStampRuleErrors(t *testing.T) {
	f := func(rule ship.StampRule) {
		t.Helper()
		if _, err := rule.Compile(); err == nil {
			t.Errorf("%+v is taken", rule)
		}
	}
	f(ship.StampRule{Member: "ts", Regex: "x"})
	f(ship.StampRule{Format: "%Y"})
	f(ship.StampRule{Regex: "("})
	f(ship.StampRule{Regex: "x", Format: "%Q"})
	f(ship.StampRule{Regex: "x", Format: "%"})
	f(ship.StampRule{Regex: "x", Format: "%f"})
	f(ship.StampRule{Regex: "x", Zone: "Mars/Base"})
}
