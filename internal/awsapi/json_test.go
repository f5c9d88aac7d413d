package awsapi

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestUnmarshalDepth(t *testing.T) {
	f := func(depth int, ok bool) {
		t.Helper()
		body := `{"unknown":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		err := Unmarshal([]byte(body), new(createLogGroupRequest))
		if (err == nil) != ok || err != nil && CodeOf(err) != CodeSerialization {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
	f(100, true)
	f(20_000, false)
	f(4_000_000, false)
}

// TestUnmarshalBoundsValues: commas in strings part nothing.
func TestUnmarshalBoundsValues(t *testing.T) {
	f := func(body string, ok bool) {
		t.Helper()
		var in struct {
			Records []struct{ Data []byte }
			Text    string
		}
		err := Unmarshal([]byte(body), &in)
		if (err == nil) != ok || err != nil && CodeOf(err) != CodeSerialization {
			t.Errorf("%.40s: %v", body, err)
		}
	}
	f(`{"Records":[`+strings.Repeat("{},", maxValues)+`{}]}`, true)
	f(`{"Records":[`+strings.Repeat("{},", maxValues+1)+`{}]}`, false)
	f(`{"unknown":[`+strings.Repeat("{},", 2_000_000)+`{}]}`, false)
	f(`{"Text":"`+strings.Repeat(`\\\",`, maxValues+1)+`"}`, true)
	f(`{"Text":"`+strings.Repeat(`,`, maxValues+1)+`\\","Records":[`+strings.Repeat("{},", maxValues+1)+`{}]}`, false)
}

// TestUnmarshalKeepsNothing: the body's buffer goes back to its pool.
func TestUnmarshalKeepsNothing(t *testing.T) {
	body := []byte(`{"logGroupName":"name","tags":{"key":"value"}}`)
	var in createLogGroupRequest
	if err := Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x'
	}
	if in.LogGroupName != "name" || in.Tags["key"] != "value" {
		t.Errorf("values changed with the buffer: %+v", in)
	}
}

func TestAppendJSON(t *testing.T) {
	got, err := AppendJSON([]byte("before "), map[string]any{"b": []byte("blob"), "a": "<&>", "c": []string(nil)})
	if want := `before {"a":"<&>","b":"YmxvYg==","c":[]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestTimestamp(t *testing.T) {
	f := func(at time.Time, want string) {
		t.Helper()
		got, err := AppendJSON(nil, Timestamp{at})
		if err != nil || string(got) != want {
			t.Errorf("%v: got %s, %v, want %s", at, got, err, want)
		}
		var back Timestamp
		if err := Unmarshal(got, &back); err != nil || !back.Equal(at) {
			t.Errorf("%s came back as %v, %v", got, back, err)
		}
	}
	f(time.UnixMilli(1_700_000_000_123), "1700000000.123")
	f(time.UnixMilli(1_700_000_000_000), "1700000000")
	f(time.UnixMilli(0), "0")
	f(time.UnixMilli(-1500), "-1.5")
	for _, bad := range []string{`"x"`, `1e300`, `true`} {
		if err := Unmarshal([]byte(bad), new(Timestamp)); CodeOf(err) != CodeSerialization {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"logGroupName":"a","tags":{"k":"v"}}`))
	f.Add([]byte(`{"logGroupName":1}`))
	f.Add([]byte(`{"logGroupName":"a\u0000\ud800"}`))
	f.Add([]byte("{\"\xff\":[[{}]]}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in createLogGroupRequest
		if err := Unmarshal(body, &in); err != nil {
			if CodeOf(err) != CodeSerialization || !utf8.ValidString(err.Error()) {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if !utf8.ValidString(in.LogGroupName) {
			t.Errorf("%q: invalid UTF-8 came through", body)
		}
		again, err := AppendJSON(nil, &in)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		var second createLogGroupRequest
		if err := Unmarshal(again, &second); err != nil || second.LogGroupName != in.LogGroupName || len(second.Tags) != len(in.Tags) {
			t.Errorf("%q: %+v became %+v, %v", body, in, second, err)
		}
	})
}
