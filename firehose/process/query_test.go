package process_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/firehose/process"
)

func query(t testing.TB, text string, keys ...string) *process.Query {
	t.Helper()
	q, err := process.NewQuery(text, keys)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestExtract(t *testing.T) {
	// want is the values joined by |, or the message of the failure.
	f := func(text, keys, record, want string) {
		t.Helper()
		q := query(t, text, strings.Split(keys, " ")...)
		dst, err := q.NewExtractor().Append([]byte("x"), []byte(record))
		got := ""
		var failed *process.Failure
		switch {
		case errors.As(err, &failed):
			got = failed.Message
			if string(dst) != "x" || failed.Type != "processing-failed" || failed.Code != "DynamicPartitioning.MetadataExtractionFailed" {
				t.Errorf("%s: %q %+v", record, dst, failed)
			}
		case err != nil:
			t.Errorf("%s: %v", record, err)
		default:
			values := q.Values(string(dst[1:]))
			for i, key := range q.Keys() {
				got += "|"[:min(i, 1)] + values[key]
			}
		}
		if got != want {
			t.Errorf("%s of %s: %q, want %q", text, record, got, want)
		}
	}
	f(`{c: .customer}`, "c", `{"customer":"acme"}`, "acme")
	f(`{c: .customer, d: .at.day}`, "d c", ` {"at":{"x":[1,{"day":3}],"day":7},"customer":"a/b=c"}`+"\n", "7|a/b=c")
	f(`{"c": .["a b"]."q"}`, "c", `{"a b":{"q":true}}`, "true")
	f(`{customer}`, "customer", `{"\u0063ustomer":"\u00e9\n\t\"x"}`, `é"x`)
	f(`{c: .c}`, "c", `{"c":"first","c":"last"}`, "last")
	f(`{c: .a.b}`, "c", `{"a":{"b":1},"a":{"x":2}}`, "The value of partition key c is null.")
	f(`{c: .a.b}`, "c", `{"a":null}`, "The value of partition key c is null.")
	f(`{c: .a.b}`, "c", `{"a":[1]}`, "Cannot select member b of [1].")
	f(`{c: .a.b}`, "c", `["a"]`, `Cannot select a member of ["a"].`)
	f(`{c: .a}`, "c", `{"a":""}`, "The value of partition key c is an empty string.")
	f(`{c: .a}`, "c", `{"a":"\u0000\u001f"}`, "The value of partition key c is an empty string.")
	f(`{c: .a}`, "c", `{"a":{}}`, "The value of partition key c is an object.")
	f(`{c: .a}`, "c", `{"a":[]}`, "The value of partition key c is an array.")
	f(`{c: .a}`, "c", `{"a":1}{"a":2}`, "The record is not one JSON document.")
	f(`{c: .a}`, "c", `{"a":1`, "The record is not one JSON document.")
	f(`{c: .a}`, "c", ``, "The record is not one JSON document.")
	f(`{c: .a}`, "c", `plain text`, "The record is not one JSON document.")
	f(`{c: .a, other: .b.x}`, "c", `{"a":1,"b":{}}`, "1")
	f(`{c: .a, other: .b.x}`, "c", `{"a":1,"b":3}`, "Cannot select member x of 3.")
	// By gojq.
	f(`{c: (.a|ascii_downcase), y: (.ts[0:4])}`, "c y", `{"a":"ACME","ts":"2026-02-03"}`, "acme|2026")
	f(`{c: (.n + 1), d: (.n > 2)}`, "c d", `{"n":2}`, "3|false")
	f(`{c: .a?}`, "c", `3`, "the query yields nothing")
	f(`.[] | {c}`, "c", `[{"c":1},{"c":2}]`, "the query yields more than one result")
	f(`.[] | {c}`, "c", `[]`, "the query yields nothing")
	f(`.c`, "c", `{"c":1}`, "the query yields no object")
	f(`{c: error("no")}`, "c", `{}`, "error: no")
	f(`{c: ([repeat(1)] | length)}`, "c", `{}`, "the query takes too many steps")
	f(`. | {c: .a}`, "c", `{"a":12345678901234567}`, "12345678901234567")
	f(`. | {c: .a}`, "c", `{"a":1e20}`, "1e+20")
}

func TestQueriesRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := process.NewQuery(text, []string{"c"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	f(`{c: }`, "parse jq query")
	f(`{c: nope}`, "compile jq query")
	f(`{c: now}`, "now: depends on something other than the record")
	f(`def x: input; {c: (if . then [x] else 1 end)}`, "input: depends on")
	f(`{c: $ENV.HOME}`, "depends on")
	f(`{c: env.HOME}`, "depends on")
	f(`reduce .[] as $x (0; . + ($x | debug)) | {c: .}`, "debug: depends on")
}

// TestNumbers has what jq 1.6 itself printed, but for the integers that it
// rounds.
func TestNumbers(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if got := string(process.AppendNumber(nil, []byte(raw))); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
	f("1.0", "1")
	f("1.10", "1.1")
	f("1e2", "100")
	f("100000000000000000000", "1e+20")
	f("12345678901234567890", "12345678901234567000")
	f("1.5e15", "1500000000000000")
	f("1e15", "1000000000000000")
	f("1.0e16", "1e+16")
	f("1e-5", "1e-05")
	f("0.0001", "0.0001")
	f("0.00001234", "1.234e-05")
	f("1.5e300", "1.5e+300")
	f("1e1000", "1.7976931348623157e+308")
	f("-0", "-0")
	f("-0.0", "-0")
	f("3.14159265358979", "3.14159265358979")
	f("9007199254740993", "9007199254740993") // jq 1.6: ...992
	f("-9223372036854775808", "-9223372036854775808")
}

// TestWalkIsJQ compares the walk with gojq on generated records and paths.
func TestWalkIsJQ(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "c d", "é", `q"`})
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kinds := 12
			if depth > 3 {
				kinds = 8
			}
			switch k := rapid.IntRange(0, kinds).Draw(t, "kind"); {
			case k <= 7:
				return rapid.SampledFrom([]string{`null`, `true`, `"x"`, `""`, `"\u00e9\u0001"`, `-1.50`, `12345678901234567`, `[1]`, `"\ud800"`, "\"\xff\"", `{`, `"\x"`}).Draw(t, "leaf")
			default:
				text := "{"
				for i := range rapid.IntRange(0, 4).Draw(t, "members") {
					if i > 0 {
						text += ","
					}
					name := rapid.SampledFrom([]string{`"a"`, `"b"`, `"c d"`, `"é"`, `"\u00e9"`, `"\u0061"`, `"q\""`, `"z"`}).Draw(t, "name")
					text += name + ": " + value(depth+1).Draw(t, "value")
				}
				return text + "}"
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		var pairs, keys []string
		for i := range rapid.IntRange(1, 3).Draw(t, "keys") {
			path := ""
			for range rapid.IntRange(1, 3).Draw(t, "depth") {
				path += fmt.Sprintf(".%q", names.Draw(t, "name"))
			}
			keys = append(keys, fmt.Sprintf("k%d", i))
			pairs = append(pairs, keys[i]+": "+path)
		}
		text := "{" + strings.Join(pairs, ", ") + "}"
		q, err := process.NewQuery(text, keys)
		if err != nil || !q.Walks() {
			t.Fatalf("%s: %v, walks %v", text, err, err == nil && q.Walks())
		}
		record := []byte(value(0).Draw(t, "record"))
		walked, walkErr := q.NewExtractor().Append(nil, record)
		asked, askErr := q.WithoutWalk(text).NewExtractor().Append(nil, record)
		if (walkErr == nil) != (askErr == nil) || !cmp.Equal(walked, asked) {
			t.Fatalf("%s of %s: %q %v, gojq %q %v", text, record, walked, walkErr, asked, askErr)
		}
	})
}

func TestWhatWalks(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if got := query(t, text, "a").Walks(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	f(`{a}`, true)
	f(`{a: .b.c}`, true)
	f(`{"a": (.["b"].c)}`, true)
	f(`{a: .b?}`, false)
	f(`{a: .b[0]}`, false)
	f(`{a: .b[]}`, false)
	f(`{a: .b, (.c): .d}`, false)
	f(`{a: .b, a: .c}`, false)
	f(`{a: (.b, .c)}`, false)
	f(`{b: .b}`, false)
	f(`{a: .b} | .`, false)
}

func BenchmarkExtractor(b *testing.B) {
	record := []byte(`{"timestamp":"2026-02-03T04:05:06Z","level":"info","customer":{"id":"c-1093","plan":"gold"},"request":{"path":"/api/v1/orders","status":200,"took":0.0123},"message":"order placed"}`)
	q := query(b, `{customer: .customer.id, status: .request.status}`, "customer", "status")
	f := func(name string, q *process.Query) {
		b.Run(name, func(b *testing.B) {
			x := q.NewExtractor()
			var dst []byte
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = x.Append(dst[:0], record)
			}
		})
	}
	f("walk", q)
	f("jq", q.WithoutWalk(`{customer: .customer.id, status: .request.status}`))
}
