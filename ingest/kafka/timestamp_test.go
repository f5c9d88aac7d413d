package kafka

import "testing"

func TestTimePath(t *testing.T) {
	f := func(path, value string, want int64) {
		t.Helper()
		p, err := parseTimePath(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.find([]byte(value))
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%s in %s: %d, want %d (%v)", path, value, got, want, err)
		}
	}
	const ms = 1_700_000_000_123
	f("$.time", `{"time":1700000000123}`, ms)
	f("$.time", `{"time":1700000000}`, ms-123)
	f("$.time", `{"time":1700000000.123}`, ms)
	f("$.time", `{"time":1700000000123456}`, ms)
	f("$.time", `{"time":1700000000123456789}`, ms)
	f("$.time", `{"time":"2023-11-14T22:13:20.123Z"}`, ms)
	f("$.meta.ts", `{"a":[1,{"ts":5}],"meta":{"b":"}","ts":1700000000123}}`, ms)
	f("$.time", `{"time":"yesterday"}`, -1)
	f("$.time", `{"time":-5}`, -1)
	f("$.time", `{"time":null}`, -1)
	f("$.time", `{"times":1}`, -1)
	f("$.time", `["time",1]`, -1)
	f("$.time", `{"time":`, -1)
	f("$.time", `plain text`, -1)
	f("$.time", ``, -1)
	f("$.a.b", `{"a":1,"b":2}`, -1)
	for _, bad := range []string{"time", "$", "$.", "$.a..b", "$.a[0]", "$['a']"} {
		if _, err := parseTimePath(bad); err == nil {
			t.Errorf("path %s was accepted", bad)
		}
	}
}

func FuzzTimePath(f *testing.F) {
	f.Add(`{"meta":{"ts":1700000000}}`)
	f.Add(`{"meta":{"ts":"2023-11-14T22:13:20Z"}}`)
	f.Add(`{"meta":{"ts":1e300}}`)
	path, err := parseTimePath("$.meta.ts")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if at, err := path.find([]byte(value)); err == nil && at < 0 {
			t.Errorf("%s is at %d", value, at)
		}
	})
}

func TestFirstGood(t *testing.T) {
	f := func(bad, end, last int64) {
		t.Helper()
		asked := 0
		got := firstGood(bad, end, func(at int64) bool { asked++; return at > last })
		if got != last+1 || asked > 60 {
			t.Errorf("[%d,%d] is bad up to %d: found %d with %d questions", bad, end, last, got, asked)
		}
	}
	for end := int64(1); end < 40; end++ {
		for last := int64(0); last < end; last++ {
			f(0, end, last)
		}
	}
	f(1_000_000, 9_000_000, 1_000_499)
	if got := firstGood(5, 50, func(int64) bool { return false }); got != -1 {
		t.Errorf("found %d where nothing is good", got)
	}
}

func TestCut(t *testing.T) {
	for size := 4; size < 12; size++ {
		whole, value := "", []byte("aäö€𝄞bc€€𝄞")
		for _, part := range cut(value, size) {
			if len(part) > size || len(part) == 0 {
				t.Errorf("a part of %d bytes, at most %d", len(part), size)
			}
			whole += string(part)
		}
		if whole != string(value) {
			t.Errorf("parts of %d bytes make %q", size, whole)
		}
	}
}
