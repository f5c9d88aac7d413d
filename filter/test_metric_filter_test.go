package filter_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/internal/logsapi/logsapitest"
)

// tested is an answer of TestMetricFilter.
type tested struct {
	Matches []struct {
		EventNumber     int64
		EventMessage    string
		ExtractedValues map[string]string
	}
}

// tryRequest is a request for TestMetricFilter.
func tryRequest(t *testing.T, filterPattern string, messages ...string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"filterPattern": filterPattern, "logEventMessages": messages})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestTestMetricFilter(t *testing.T) {
	o := serveOperations(t, 0)
	f := func(want, filterPattern string, messages ...string) {
		t.Helper()
		same(t, o.Call("TestMetricFilter", tryRequest(t, filterPattern, messages...)).String(), want)
	}
	f(`{"matches":[]}`, "ERROR", "fine")
	f(`{"matches":[{"eventMessage":"an ERROR","eventNumber":2,"extractedValues":{}},{"eventMessage":"ERRORS","eventNumber":4,"extractedValues":{}}]}`,
		"ERROR", "fine", "an ERROR", "error", "ERRORS")
	f(`{"matches":[{"eventMessage":"x","eventNumber":1,"extractedValues":{}}]}`, "", "x")
	f(`{"matches":[{"eventMessage":"{\"a\":1}","eventNumber":2,"extractedValues":{}}]}`, "{ $.a = 1 }", "[1]", `{"a":1}`)
	f(`{"matches":[{"eventMessage":"a  b c ","eventNumber":1,"extractedValues":{"$2":"b c ","$first":"a"}}]}`, "[first, ]", "a  b c ", "alone")
	f(`{"matches":[{"eventMessage":"a [b c] d","eventNumber":1,"extractedValues":{"$1":"a","$2":"b c","$last":"d"}}]}`, "[..., last]", "a [b c] d")
	f(`{"matches":[{"eventMessage":"two\nlines","eventNumber":1,"extractedValues":{}}]}`, "lines", "two\nlines")

	fifty := strings.Split(strings.Repeat("ERROR,", 49)+"ERROR", ",")
	var all tested
	o.Done("TestMetricFilter", tryRequest(t, "ERROR", fifty...), &all)
	same(t, len(all.Matches), 50)
	same(t, all.Matches[49].EventNumber, 50)
}

func TestTestMetricFilterTexts(t *testing.T) {
	o := serveOperations(t, 0)
	f := func(body, want string) {
		t.Helper()
		o.Refused("TestMetricFilter", body, "InvalidParameterException: "+want)
	}
	const one = "1 validation error detected: Value "
	const failed = " failed to satisfy constraint: "
	f(`{"logEventMessages":["m"]}`, one+"null at 'filterPattern'"+failed+"Member must not be null")
	f(`{"filterPattern":""}`, one+"null at 'logEventMessages'"+failed+"Member must not be null")
	f(`{}`, "2 validation errors detected: Value null at 'filterPattern'"+failed+"Member must not be null; Value null at 'logEventMessages'"+failed+"Member must not be null")
	f(`{"filterPattern":"","logEventMessages":[]}`, one+"'[]' at 'logEventMessages'"+failed+"Member must have length greater than or equal to 1")
	f(`{"filterPattern":"","logEventMessages":["a",""]}`, one+"'[a, ]' at 'logEventMessages'"+failed+"Member must satisfy constraint: [Member must have length greater than or equal to 1]")
	many := strings.Split(strings.Repeat("m,", 50)+"m", ",")
	f(tryRequest(t, "", many...), one+"'["+strings.Join(many, ", ")+"]' at 'logEventMessages'"+failed+"Member must have length less than or equal to 50")

	// The pattern is looked at only when every member is in order.
	f(tryRequest(t, "{", ""), one+"'[]' at 'logEventMessages'"+failed+"Member must satisfy constraint: [Member must have length greater than or equal to 1]")
	f(tryRequest(t, "{ $.a = 1 } x", "m"), "If a filter pattern starts with '{' it must end with '}'")
	f(tryRequest(t, "{ $.a == 1 }", "m"), "Invalid metric filter pattern")
	f(tryRequest(t, "ERR*", "m"), "Invalid character(s) in term '*'")
	f(tryRequest(t, "[a, a]", "m"), "Duplicate field 'a'")
	f(tryRequest(t, "%[z-a]%", "m"), "Failed to compile regular expression.")
}

// TestRecordedFilterPattern: what AWS answered to PutMetricFilter about a pattern
// that is too long is about the member that both operations share.
func TestRecordedFilterPattern(t *testing.T) {
	r := logsapitest.Record(t, "logs_metric_filters.json")
	o := serveOperations(t, 0)
	answer := o.Call("TestMetricFilter", tryRequest(t, strings.Repeat("X", 1025), "m"))
	r.Same(t, answer, "test_put_metric_filter_invalid_filter_pattern", "error-invalid-filter-pattern")
}

// TestFilterVectors puts every vector of the pattern language to the operation.
func TestFilterVectors(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "oracles", "filter-vectors.jsonl")
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("no vectors: %v", err)
	}
	defer file.Close()
	o := serveOperations(t, 0)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v filterVector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if !v.Ambiguous {
			v.check(t, o)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

type filterVector struct {
	ID, Pattern      string
	Message          *string
	Match, Ambiguous bool
	Extracted        map[string]string
	Valid            bool
	Error            *string
}

func (v *filterVector) check(t *testing.T, o *operations) {
	t.Helper()
	message := "m"
	if v.Message != nil {
		message = *v.Message
	}
	// The first message is a decoy: numbers count those that do not match, too.
	body := tryRequest(t, v.Pattern, "\x7f", message)
	if !v.Valid {
		v.checkRefusal(t, o.Call("TestMetricFilter", body))
		return
	}
	var got tested
	o.Done("TestMetricFilter", body, &got)
	for _, m := range got.Matches {
		if m.EventNumber == 1 {
			continue
		}
		if !v.Match || m.EventNumber != 2 || m.EventMessage != message {
			t.Errorf("%s: pattern %q, message %q: number %d of %q", v.ID, v.Pattern, message, m.EventNumber, m.EventMessage)
		}
		if v.Extracted != nil && !maps.Equal(m.ExtractedValues, v.Extracted) {
			t.Errorf("%s: pattern %q, message %q: extracted %q, want %q", v.ID, v.Pattern, message, m.ExtractedValues, v.Extracted)
		}
		return
	}
	if v.Match {
		t.Errorf("%s: pattern %q, message %q: no match", v.ID, v.Pattern, message)
	}
}

// checkRefusal: the vectors abbreviate a long value by an ellipsis.
func (v *filterVector) checkRefusal(t *testing.T, a logsapitest.Answer) {
	t.Helper()
	if a.Code != "InvalidParameterException" {
		t.Errorf("%s: pattern %q: %s", v.ID, v.Pattern, a)
	}
	if v.Error == nil {
		return
	}
	before, after, abbreviated := strings.Cut(*v.Error, "…")
	if a.Message != *v.Error && !(abbreviated && strings.HasPrefix(a.Message, before) && strings.HasSuffix(a.Message, after)) {
		t.Errorf("%s: pattern %q: %s, want %s", v.ID, v.Pattern, a, *v.Error)
	}
}

// sharedFolder is SLUICE_SHARED, or the folder "shared" beside the project.
func sharedFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SLUICE_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
	}
	t.Skip("no go.mod above the test's folder")
	return ""
}

func TestTestMetricFilterBySDK(t *testing.T) {
	client := serveOperations(t, 0).Client()
	out, err := client.TestMetricFilter(t.Context(), &cloudwatchlogs.TestMetricFilterInput{
		FilterPattern:    aws.String("[ip, ..., status = 5*, bytes]"),
		LogEventMessages: []string{"10.0.0.1 - 200 12", `10.0.0.2 "GET /" 503 7`},
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, len(out.Matches), 1)
	m := out.Matches[0]
	same(t, m.EventNumber, 2)
	same(t, *m.EventMessage, `10.0.0.2 "GET /" 503 7`)
	same(t, m.ExtractedValues, map[string]string{"$ip": "10.0.0.2", "$2": "GET /", "$status": "503", "$bytes": "7"})

	_, err = client.TestMetricFilter(t.Context(), &cloudwatchlogs.TestMetricFilterInput{
		FilterPattern: aws.String("%(%"), LogEventMessages: []string{"m"},
	})
	var invalid *types.InvalidParameterException
	if !errors.As(err, &invalid) || invalid.ErrorMessage() != "Invalid character(s) in term '%('" {
		t.Errorf("error %v", err)
	}
}
