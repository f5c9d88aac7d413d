package bench

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/bench/corpus"
	"sluice/internal/event"
)

// TestBodiesSayTheSame decodes a request in its two forms and wants the events
// that it counts.
func TestBodiesSayTheSame(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 3e6, BodyBytes: 200_000})
	if len(l.requests) != 15 || l.repeats != 1 {
		t.Fatalf("%d bodies, sent %d times", len(l.requests), l.repeats)
	}
	for _, r := range l.requests {
		b, err := decode(event.GetBuilder(len(r.put)), r.put)
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() != r.events || int64(b.MessageBytes()) != r.messages || !bytes.Equal(b.Text(), r.lines) {
			t.Errorf("%d events of %d bytes, want %d of %d", b.Len(), b.MessageBytes(), r.events, r.messages)
		}
		if got := strings.Count(string(r.lines), errorPattern); got < r.selected || r.selected == 0 {
			t.Errorf("%d selected, %d times the word", r.selected, got)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	f := func(want string, o Options) {
		t.Helper()
		err := o.setDefaults()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	f("", Options{})
	f("", Options{Paths: PathNames()})
	f(`path "x"`, Options{Paths: []string{"x"}})
	f("bodies of 2000000", Options{BodyBytes: 2_000_000})
	f("1000 connections", Options{Connections: 2000})
	f("", Options{Paths: []string{"putlogevents-unsigned/gzip/all"}, MetricFilters: "mixed:500"})
	f("metric filters \"json\"", Options{MetricFilters: "json"})
	f("measure putlogevents-unsigned", Options{MetricFilters: "json:1"})
	f("at least one body", Options{Bytes: 1000})
}

// TestEventsAreCounted wants every line of every object and none of what sluice
// itself keeps in a bucket.
func TestEventsAreCounted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("2026/01/a.gz", "one\ntwo\n"+strings.Repeat("x", 3<<20)+"\n")
	write("2026/02/b.gz", "four\n")
	write("_sluice/commit/lake/0/1.json", "no event\n")
	n, size, err := countObjects(dir, "gzip")
	if err != nil || n != 4 || size == 0 {
		t.Error(n, size, err)
	}
	write("2026/03/c.gz", "")
	if err := os.WriteFile(filepath.Join(dir, "2026/03/c.gz"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := countObjects(dir, "gzip"); err == nil {
		t.Error("a broken object was counted")
	}
}

// TestPathsBesideStages wants every path to find all the stages it is made of.
func TestPathsBesideStages(t *testing.T) {
	l := newLoad(Options{Corpus: corpus.App, Bytes: 200_000, BodyBytes: 100_000})
	stages, err := measureStages(t.TempDir(), l)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{"putlogevents": 6, "putlogevents-unsigned": 5, "bulk": 5}
	for _, name := range PathNames() {
		p := Path{Name: name, MBPerCPUSecond: 100}
		p.compare(stages, false)
		if p.OfStages <= 0 {
			t.Errorf("%s: %+v", name, p)
		}
		ingest, format, keep := parts(name)
		found := 0
		for _, s := range stages {
			switch s.Name {
			case "http", "log", "filter " + keep, format + " " + keep:
				found++
			case "sha256":
				if ingest == "putlogevents" {
					found++
				}
			case "decode PutLogEvents":
				if ingest != "bulk" {
					found++
				}
			case "decode NDJSON":
				if ingest == "bulk" {
					found++
				}
			}
		}
		if found != counts[ingest] {
			t.Errorf("%s has %d stages, want %d", name, found, counts[ingest])
		}
	}
}
