package process_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"sluice/firehose/process"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

func envelope(kind string, messages ...string) string {
	text := `{"messageType":"` + kind + `","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[`
	for i, m := range messages {
		text += ","[:min(i, 1)] + `{"id":"0","timestamp":1,"message":"` + m + `"}`
	}
	return text + "]}"
}

// show is an outcome in one line.
func show(o *process.Outcome) string {
	switch {
	case o.Dropped:
		return "dropped"
	case o.Failure != nil:
		return string(o.Failure.Type) + " " + string(o.Data)
	}
	text := string(o.Data)
	if o.Whole {
		text += " whole"
	}
	if len(o.Partition) > 0 {
		text += " in " + strings.ReplaceAll(string(o.Partition), "\x00", ";")
	}
	return text
}

func TestChain(t *testing.T) {
	f := func(s process.Settings, record string, want ...string) {
		t.Helper()
		c := s.NewChain()
		for range 2 { // buffers are used again
			var got []string
			c.Record([]byte(record), func(o *process.Outcome) { got = append(got, show(o)) })
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%.60q:\n%s", record, d)
			}
		}
	}
	none := process.Settings{}
	f(none, "as it is", "as it is whole")
	f(none, "", " whole")

	decompress := process.Settings{Decompress: true}
	doc := envelope("DATA_MESSAGE", "one", "two")
	f(decompress, zipped(doc), doc)
	f(decompress, zipped(doc)+zipped(doc), doc+doc)
	f(decompress, doc, "decompression-failed "+doc)
	f(decompress, zipped(doc)[:40], "decompression-failed "+zipped(doc)[:40])
	f(decompress, "", "decompression-failed ")
	f(decompress, zipped("vended log"), "processing-failed "+zipped("vended log"))
	f(decompress, zipped(envelope("CONTROL_MESSAGE", "CWL CONTROL MESSAGE")), "dropped")
	f(decompress, zipped(envelope("OTHER", "x")), "processing-failed "+zipped(envelope("OTHER", "x")))

	extract := process.Settings{Decompress: true, Extract: true}
	f(extract, zipped(envelope("DATA_MESSAGE", "one", `t\"w\u00f6\n`, "")), "one\n", "t\"wö\n\n", "\n")
	f(extract, zipped(envelope("DATA_MESSAGE")), "dropped")
	f(extract, zipped(envelope("CONTROL_MESSAGE", "x")+envelope("DATA_MESSAGE", "one")), "one\n")
	f(extract, zipped(`{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1"}]}`), "processing-failed "+zipped(`{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1"}]}`))
	f(extract, zipped(`{"logEvents":[{"message":"first"}],"messageType":"DATA_MESSAGE","logEvents":[{"message":"last"}]}`), "last\n")

	json := process.Settings{Split: process.SplitJSON, SubRecords: 3}
	f(json, `{"a":1}{"b":"}"} `+"\n"+`{"c":{}}`, `{"a":1}`, `{"b":"}"}`, `{"c":{}}`)
	f(json, `{"a":1}`, `{"a":1} whole`)
	f(json, `{}{}{}{}`, `{}{}{}{} whole`)
	f(json, `{"a":1}[{"b":2}]`, `{"a":1}`, `processing-failed [{"b":2}]`)
	f(json, `{"a":1}{"b":`, `{"a":1}`, `processing-failed {"b":`)
	f(json, ` text `, `processing-failed text `)
	f(json, "  ", "dropped")

	lines := process.Settings{Split: process.SplitDelimited, Delimiter: []byte("||"), SubRecords: 3, End: []byte("\n")}
	f(lines, "a||b||", "a\n", "b\n")
	f(lines, "||a|||b", "a\n", "|b\n")
	f(lines, "||||", "dropped")
	f(lines, "a||b||c||d", "a||b||c||d\n")

	all := process.Settings{Decompress: true, Extract: true, Split: process.SplitJSON, End: []byte(";"), Query: query(t, "{c}", "c")}
	f(all, zipped(envelope("DATA_MESSAGE", `{\"c\":1}{\"c\":2}`, `{\"d\":3}`)),
		`{"c":1}; in 1;`, `{"c":2}; in 2;`, `processing-failed {"d":3}`)
}

func TestMessage(t *testing.T) {
	f := func(s process.Settings, text string, want ...string) {
		t.Helper()
		var got []string
		s.NewChain().Message([]byte(text), func(o *process.Outcome) { got = append(got, show(o)) })
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%.60q:\n%s", text, d)
		}
	}
	extract := process.Settings{Decompress: true, Extract: true, Query: query(t, "{c}", "c")}
	f(extract, `{"c":1}`, `{"c":1} whole in 1;`)
	f(extract, `text`, `processing-failed text`)
	f(extract, ``, `processing-failed `)
	extract.Split = process.SplitJSON
	f(extract, `{"c":1}`, `{"c":1} whole in 1;`)
	f(extract, `{"c":1} {"c":2}x`, `{"c":1}`+"\n in 1;", `{"c":2}`+"\n in 2;", `processing-failed x`)
	f(extract, ` `, `dropped`)
	extract.End = []byte("|")
	f(extract, `{"c":1}`, `{"c":1}| in 1;`)
	documents := process.Settings{Decompress: true, Split: process.SplitJSON}
	f(documents, `{"a":{}}{}`, `{"a":{}}`, `{}`)
}

func TestDelimiters(t *testing.T) {
	f := func(parameter, want string) {
		t.Helper()
		if got := string(process.AppendedDelimiter(parameter)); got != want {
			t.Errorf("%q: %q", parameter, got)
		}
	}
	f("", "\n")
	f(`\n`, "\n")
	f(`\r\n`, "\r\n")
	f(`\\n`, `\n`)
	f("|", "|")
	if d, err := process.SplitDelimiter(base64.StdEncoding.EncodeToString([]byte("##"))); string(d) != "##" || err != nil {
		t.Error(d, err)
	}
	for _, bad := range []string{"", "#", "====", "a b"} {
		if d, err := process.SplitDelimiter(bad); err == nil {
			t.Errorf("%q: %q", bad, d)
		}
	}
}

func TestOver(t *testing.T) {
	c := (&process.Settings{Split: process.SplitJSON}).NewChain()
	n := 0
	c.Record([]byte(strings.Repeat("{}", 500)), func(*process.Outcome) { n++ })
	if n != 500 || c.Over != 0 {
		t.Error(n, c.Over)
	}
	c.Record([]byte(strings.Repeat("{}", 501)), func(o *process.Outcome) { n++ })
	if n != 501 || c.Over != 1 {
		t.Error(n, c.Over)
	}
}

func TestBomb(t *testing.T) {
	bomb := zipped(strings.Repeat("\x00", process.MaxInflated+1))
	c := (&process.Settings{Decompress: true}).NewChain()
	c.Record([]byte(bomb), func(o *process.Outcome) {
		if o.Failure == nil || !strings.Contains(o.Failure.Message, "64 MiB") {
			t.Errorf("%d bytes, %v", len(o.Data), o.Failure)
		}
	})
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(name string, s process.Settings, record string) {
		t.Helper()
		c := s.NewChain()
		visit := func(o *process.Outcome) {
			if o.Failure != nil {
				t.Fatal(o.Failure)
			}
		}
		b := []byte(record)
		c.Record(b, visit)
		if n := testing.AllocsPerRun(100, func() { c.Record(b, visit) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	object := `{"c":"x\n","d":{"e":12.5}}`
	f("none", process.Settings{}, "x")
	f("decompress", process.Settings{Decompress: true}, zipped(envelope("DATA_MESSAGE", "one", "two")))
	f("extract", process.Settings{Decompress: true, Extract: true}, zipped(envelope("DATA_MESSAGE", "one", "two")))
	f("split", process.Settings{Split: process.SplitJSON, End: []byte("\n")}, object+object)
	f("query", process.Settings{Query: query(t, "{c, e: .d.e}", "c", "e")}, object)
}

func TestErrorRecord(t *testing.T) {
	r := process.ErrorRecord{Attempts: 1, Arrived: 1767600000000, Ended: 1767600000001, Code: "A.B", Message: "no \"x\"", Raw: []byte("\x00raw")}
	line := string(r.Append(nil))
	want := `{"attemptsMade":1,"arrivalTimestamp":1767600000000,"errorCode":"A.B","errorMessage":"no \"x\"","attemptEndingTimestamp":1767600000001,"rawData":"AHJhdw=="}` + "\n"
	if line != want {
		t.Errorf("%s", line)
	}
	f := func(line string, want process.ErrorRecord) {
		t.Helper()
		got, err := process.ParseErrorRecord([]byte(line))
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
	}
	f(line, r)
	// As AWS writes them.
	f(`{"attemptsMade":"4","arrivalTimestamp":"1767600000000","lastErrorCode":"DataFormatConversion.ParseError","lastErrorMessage":"Encountered malformed JSON.","attemptEndingTimestamp":1767600000001,"rawData":"e30=","sequenceNumber":null,"dataCatalogTable":{"region":"r"}}`,
		process.ErrorRecord{Attempts: 4, Arrived: 1767600000000, Ended: 1767600000001, Code: "DataFormatConversion.ParseError", Message: "Encountered malformed JSON.", Raw: []byte("{}")})
	bad := func(line string) {
		t.Helper()
		if r, err := process.ParseErrorRecord([]byte(line)); err == nil {
			t.Errorf("%s: %+v", line, r)
		}
	}
	bad(``)
	bad(`{}`)
	bad(`{"rawData":"*"}`)
	bad(`{"rawData":3}`)
	bad(`{"rawData":"e30="} x`)
	bad(`{"rawData":"e30=","attemptsMade":1.5}`)
}

func FuzzChain(f *testing.F) {
	f.Add([]byte(zipped(envelope("DATA_MESSAGE", `{\"c\":1}`))), uint8(0))
	f.Add([]byte(`{"c":1}{"c":{}}`), uint8(5))
	f.Add([]byte("a\nb"), uint8(9))
	q := query(f, "{c, d: .d.e}", "c", "d")
	f.Fuzz(func(t *testing.T, record []byte, kind uint8) {
		s := process.Settings{Decompress: kind&1 > 0, Extract: kind&2 > 0, Split: process.Split(kind >> 2 % 3), Delimiter: []byte("\n")}
		if kind&64 > 0 {
			s.Query = q
		}
		if kind&128 > 0 {
			s.End = []byte(";")
		}
		c := s.NewChain()
		var first, second []string
		c.Record(record, func(o *process.Outcome) { first = append(first, show(o)) })
		c.Record(record, func(o *process.Outcome) { second = append(second, show(o)) })
		if !cmp.Equal(first, second) {
			t.Errorf("%q, then %q", first, second)
		}
	})
}

func FuzzErrorRecord(f *testing.F) {
	f.Add([]byte(`{"attemptsMade":"4","rawData":"e30="}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := process.ParseErrorRecord(line)
		if err != nil {
			return
		}
		again, err := process.ParseErrorRecord(r.Append(nil))
		if err != nil || again.Arrived != r.Arrived || !bytes.Equal(again.Raw, r.Raw) {
			t.Errorf("%+v, then %+v %v", r, again, err)
		}
	})
}
