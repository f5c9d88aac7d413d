package ship_test

import (
	"testing"

	"sluice/cmd/sluice/internal/ship"
)

func TestJSONStamp(t *testing.T) {
	stamp := ship.JSONStamp("ts")
	f := func(line string, want int64) { // -1: no time is found
		t.Helper()
		got, ok := stamp([]byte(line))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d, want %d", line, got, want)
		}
	}
	f(`{"ts":"2026-01-02T03:04:05Z"}`, 1767323045000)
	f(`{"ts":"2026-01-02T03:04:05.678+01:00"}`, 1767319445678)
	f(`{"a":{"ts":1},"b":[1,{"ts":2}],"ts":1767323045}`, 1767323045000)
	f(`{"ts":1767323045.123}`, 1767323045123)
	f(`{"ts":1767323045123}`, 1767323045123)
	f(`{"ts":1767323045123456}`, 1767323045123)
	f(`{"ts":1767323045123456000}`, 1767323045123)
	f(`  {"ts":0}`, 0)
	f(`{"t\u0073":5}`, 5000)
	f(`{"ts":7000,"ts":8}`, 7000000)
	f(`{"ts":7,"rest of the line is broken`, 7000)
	f(`{"ts":"yesterday"}`, -1)
	f(`{"ts":"1960-01-01T00:00:00Z"}`, -1)
	f(`{"ts":-5}`, -1)
	f(`{"ts":1e300}`, -1)
	f(`{"ts":1e999}`, -1)
	f(`{"ts":null}`, -1)
	f(`{"ts":{"ts":1}}`, -1)
	f(`{"other":1}`, -1)
	f(`{}`, -1)
	f(`["ts",1]`, -1)
	f(`plain text`, -1)
	f(`{`, -1)
	f(``, -1)
}

func FuzzJSONStamp(f *testing.F) {
	f.Add(`{"ts":1767323045.123}`)
	f.Add(`{"a":[{"b":"c"}],"ts":"2026-01-02T03:04:05Z"}`)
	stamp := ship.JSONStamp("ts")
	f.Fuzz(func(t *testing.T, line string) {
		ms, ok := stamp([]byte(line))
		if ok && ms < 0 {
			t.Errorf("%q: %d ms", line, ms)
		}
		// The decoder is used again: a broken line leaves nothing behind.
		if ms, ok := stamp([]byte(`{"ts":5}`)); !ok || ms != 5000 {
			t.Errorf("after %q: %d, %t", line, ms, ok)
		}
	})
}
