package prefix

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 7, 13, 12, 0, 0, 0, time.UTC)

func TestRefusals(t *testing.T) {
	const typed = "e/!{firehose:error-output-type}/"
	dp := Features{DynamicPartitioning: true, Processing: true, Extraction: true}
	f := func(prefix, errorOutput string, features Features, want string) {
		t.Helper()
		_, err := New(prefix, errorOutput, features)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Text != want {
			t.Errorf("%q, %q: %v\nwant %s", prefix, errorOutput, err, want)
		}
	}
	none := Features{}
	const usage = "Invalid expression usage"
	for _, p := range []string{"!{", "a!{b", "!{}", "!{timestamp}", "!{timestamp:}", "!{:yyyy}", "!{time stamp:yyyy}", "!{time1:yyyy}", "!{timestamp:y{y}}", "!{timestamp:{yyyy}}", "!{timestamp:yyyy}!{"} {
		f(p, typed, none, usage)
		f("", p, none, usage)
	}
	f("!{Timestamp:yyyy}", typed, none, "Namespace to the left of colon (Timestamp) is an invalid keyword!")
	f("", "!{bogus:x}", none, "Namespace to the left of colon (bogus) is an invalid keyword!")
	for _, v := range []string{"timestamp:yyyyb", "timestamp:'", "timestamp:[yyyy]", "timestamp:VV", "timestamp:ppH", "timestamp:yyyy#", "timestamp:yyyyyyyyyyyy", "firehose:uuid", "firehose:Random-String", "firehose: random-string"} {
		f("!{"+v+"}", typed, none, "Invalid conversion character used in the value of the expression in Prefix")
		f("", typed+"!{"+v+"}", none, "Invalid conversion character used in the value of the expression in ErrorOutputPrefix")
	}
	f("!{firehose:random-string}", "", none, "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	f("a/!{firehose:error-output-type}/", typed, none, "Prefix must not contain any occurrence of !{firehose:error-output-type}")
	f("", "e/!{firehose:random-string}", none, "ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}")
	for _, ns := range []string{"Query", "Lambda"} {
		f("", typed+"!{partitionKeyFrom"+ns+":k}", none, "Dynamic Partitioning Namespaces can't be part of an error prefix expression")
		f("!{partitionKeyFrom"+ns+":k}", typed, none, "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.")
	}
	f("plain/", "", dp, "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled")
	f("!{timestamp:yyyy}/", typed, dp, "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled")
	f("!{partitionKeyFromQuery:k}", typed, Features{DynamicPartitioning: true}, "Processing Configuration is not enabled when DataPartitioning is enabled")
	f("!{partitionKeyFromQuery:k}", typed, Features{DynamicPartitioning: true, Processing: true, Lambda: true}, "MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery namespace.")
	f("!{partitionKeyFromLambda:k}", typed, dp, "Lambda should be present when S3 Prefix contains keys from partitionKeyFromLambda namespace")
	dp.ExtractedKeys = []string{"k", "unused"}
	f("!{partitionKeyFromQuery:k}", typed, dp, "MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression")
}

// TestLengthAtCreation: expressions count with their shortest form, and so does
// what is appended.
func TestLengthAtCreation(t *testing.T) {
	f := func(prefix, errorOutput string, want string) {
		t.Helper()
		_, err := New(prefix, errorOutput, Features{})
		if got := text(err); got != want {
			t.Errorf("%d and %d characters: %q, want %q", len(prefix), len(errorOutput), got, want)
		}
	}
	const (
		typed = "!{firehose:error-output-type}"
		long  = "Length of evaluated prefix cannot be greater than 512"
		longE = "Length of evaluated ErrorOutputPrefix cannot be greater than 512"
	)
	a := func(n int) string { return strings.Repeat("a", n) }
	f(a(498), "", "") // and yyyy/MM/dd/HH/
	f(a(499), "", long)
	f(strings.Repeat("日", 498), "", "") // characters, not bytes
	f(strings.Repeat("𝄞", 249), "", "")
	f(strings.Repeat("𝄞", 250), "", long)
	f(a(508)+"!{timestamp:yyyy}", typed, "")
	f(a(509)+"!{timestamp:yyyy}", typed, long)
	f(a(509)+"!{timestamp:MMMM}", typed, "") // May
	f(a(501)+"!{firehose:random-string}", typed, "")
	f(a(502)+"!{firehose:random-string}", typed, long)
	f("", a(512-len(shortestErrorType))+typed, "")
	f("", a(513-len(shortestErrorType))+typed, longE)
	f("", a(498-len(shortestErrorType)), longE) // with type, slash and time
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestErrorOutputPrefix(t *testing.T) {
	f := func(prefix, errorOutput, want string) {
		t.Helper()
		p, err := New(prefix, errorOutput, Features{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.ErrorOutputPrefix.Append([]byte("="), Values{Instant: noon, ErrorType: "processing-failed", Identity: "x"})
		if err != nil || string(got) != "="+want {
			t.Errorf("%q, %q: %q %v, want %q", prefix, errorOutput, got, err, want)
		}
	}
	f("", "", "processing-failed/2026/07/13/12/")
	f("data/", "", "data/processing-failed/2026/07/13/12/")
	f("data/", "errors/", "errors/processing-failed/2026/07/13/12/")
	f("data/", "errors", "errorsprocessing-failed/2026/07/13/12/")
	f("!{timestamp:yyyy}/", "errors/", "errors/processing-failed/2026/07/13/12/")
	f("data/", "e!{firehose:error-output-type}", "eprocessing-failed")
}

func TestAppend(t *testing.T) {
	const typed = "!{firehose:error-output-type}"
	p, err := New("!{partitionKeyFromQuery:q}/!{partitionKeyFromLambda:q}/!{partitionKeyFromQuery:q}/!{firehose:random-string}", typed,
		Features{DynamicPartitioning: true, Processing: true, Extraction: true, Lambda: true, ExtractedKeys: []string{"q"}})
	if err != nil {
		t.Fatal(err)
	}
	if q, l := p.Prefix.QueryKeys(), p.Prefix.LambdaKeys(); !slices.Equal(q, []string{"q"}) || !slices.Equal(l, []string{"q"}) || !p.Prefix.Partitioned() {
		t.Error(q, l)
	}
	v := Values{Instant: noon, Identity: "one", Query: map[string]string{"q": "a/b"}, Lambda: map[string]string{"q": "c"}}
	first, err := p.Prefix.Append(nil, v)
	if err != nil || !strings.HasPrefix(string(first), "a/b/c/a/b/") || len(first) != len("a/b/c/a/b/")+randomLength {
		t.Errorf("%s %v", first, err)
	}
	if again, _ := p.Prefix.Append(nil, v); string(again) != string(first) {
		t.Errorf("another attempt: %s, not %s", again, first)
	}
	v.Identity = "two"
	if other, _ := p.Prefix.Append(nil, v); string(other) == string(first) {
		t.Errorf("another object has the same random string: %s", other)
	}

	v.Query = map[string]string{"q": strings.Repeat("x", 248)} // twice, and 3 slashes, c, 11
	if _, err := p.Prefix.Append(nil, v); err != nil {
		t.Error(err)
	}
	v.Query["q"] += "x"
	if dst, err := p.Prefix.Append([]byte("kept"), v); !errors.Is(err, ErrTooLong) || string(dst) != "kept" {
		t.Errorf("%s %v", dst, err)
	}
	v.Lambda = map[string]string{"q": ""}
	var missing *KeyError
	if dst, err := p.Prefix.Append([]byte("kept"), v); !errors.As(err, &missing) || *missing != (KeyError{"partitionKeyFromLambda", "q"}) || string(dst) != "kept" {
		t.Errorf("%s %v", dst, err)
	}
}

// TestRandomStaysForEver: keys of plans that are open over an upgrade must not
// change.
func TestRandomStaysForEver(t *testing.T) {
	got := string(appendRandom(nil, "8f5d1c0a-6b3e-5c1d-9a77-510c5e2f4b90", 0)) + " " + string(appendRandom(nil, "", 1))
	if want := "jb83jeosidk jl2dhfxo264"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTraps(t *testing.T) {
	f := func(p string, want ...string) {
		t.Helper()
		pair, err := New("!{timestamp:"+p+"}", "!{firehose:error-output-type}", Features{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, trap := range pair.Prefix.Traps() {
			got = append(got, trap[:1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
	f("yyyy/MM/dd/HH")
	f("YYYY/MM/DD/hh", "Y", "D", "h")
	f("YYYY-'W'ww hh a")
	f("'YDhK' KK", "K")
}

func TestYears(t *testing.T) {
	f := func(p string, year int, want string) {
		t.Helper()
		c, ok := compile(p)
		if got := string(c.append(nil, time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC))); !ok || got != want {
			t.Errorf("%s in %d: %q, want %q", p, year, got, want)
		}
	}
	f("yyyy uuuu y G", 12026, "+12026 +12026 12026 AD")
	f("yyyyy", 12026, "12026")
	f("yyyy uuuu yy uu G", -44, "0045 -0044 45 44 BC")
}

func TestLoadZone(t *testing.T) {
	f := func(id, want string) {
		t.Helper()
		zone, err := LoadZone(id)
		if want == "" && err == nil || want != "" && (err != nil || zone.String() != want) {
			t.Errorf("%q: %v %v, want %q", id, zone, err, want)
		}
	}
	f("", "UTC")
	f("UTC", "UTC")
	f("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires")
	for _, id := range []string{"Local", "localtime", "posixrules", "Europe", "europe/berlin", "Europe/Nowhere", "/Europe/Berlin", "Europe/Berlin/"} {
		f(id, "")
	}
	for id := range zonesByID() {
		f(id, id)
	}
}

func BenchmarkAppend(b *testing.B) {
	p, err := New("dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/!{firehose:random-string}/", "e/!{firehose:error-output-type}/", Features{})
	if err != nil {
		b.Fatal(err)
	}
	zone, err := LoadZone("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	v, dst := Values{Instant: noon.In(zone), Identity: "8f5d1c0a-6b3e-5c1d-9a77-510c5e2f4b90"}, make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Prefix.Append(dst, v); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzNew(f *testing.F) {
	for _, s := range []string{"", "a/!{timestamp:yyyy-MM'T'}/", "!{firehose:random-string}", "!{partitionKeyFromQuery:k}!", "!{", "{!}", "!{timestamp:\xd6}\xa8", "!{timestamp:z zzzz v vvvv''}", "!{a:}"} {
		f.Add(s, "e/!{firehose:error-output-type}/", int64(1_783_939_327_000), true)
		f.Add(s, s, int64(-1<<62), false)
	}
	zone, err := time.LoadLocation("America/St_Johns")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, prefix, errorOutput string, ms int64, partitioning bool) {
		p, err := New(prefix, errorOutput, Features{partitioning, true, true, true, nil})
		var refusal *Error
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatal(err)
			}
			return
		}
		v := Values{Instant: time.UnixMilli(ms).In(zone), Identity: prefix, ErrorType: shortestErrorType, Query: map[string]string{}, Lambda: map[string]string{}}
		for _, k := range p.Prefix.QueryKeys() {
			v.Query[k] = "v"
		}
		for _, k := range p.Prefix.LambdaKeys() {
			v.Lambda[k] = "v"
		}
		for _, template := range []*Template{p.Prefix, p.ErrorOutputPrefix} {
			got, err := template.Append(nil, v)
			if err != nil && !errors.Is(err, ErrTooLong) {
				t.Fatal(err)
			}
			if n := length(string(got)); err == nil && (n > MaxLength || n < template.least()) {
				t.Fatalf("%d characters, at least %d: %q", n, template.least(), got)
			}
			template.Traps()
		}
	})
}
