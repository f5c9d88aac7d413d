package prefix

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// vector is a recorded or documented case.
type vector struct {
	Prefix, Timezone    string
	ErrorOutputPrefix   string    `json:"error_output_prefix"`
	Field               string    // of Prefix; empty: Prefix
	Arrival             time.Time `json:"arrival_utc"`
	KeyPrefix           string    `json:"key_prefix"`
	KeyPrefixRE         string    `json:"key_prefix_re"`
	Distinct            bool
	Error               string
	ErrorType           string `json:"error_type"`
	Keys                map[string]string
	DynamicPartitioning bool `json:"dynamic_partitioning"`
	Processors          []string
}

func TestVectors(t *testing.T) {
	file := filepath.Join(shared(t), "oracles", "prefix-vectors.jsonl")
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Skip(err)
	}
	n := 0
	for line := range strings.Lines(string(lines)) {
		var v vector
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(v.Error, "ValidationException") {
			continue // of the service model, which is not this package's
		}
		n++
		v.check(t)
	}
	t.Log(n, "vectors")
}

func (v *vector) check(t *testing.T) {
	p, e := v.Prefix, v.ErrorOutputPrefix
	if v.Field == "ErrorOutputPrefix" {
		p, e = "", v.Prefix
	}
	pair, err := New(p, e, Features{
		DynamicPartitioning: v.DynamicPartitioning, Processing: len(v.Processors) > 0,
		Extraction: slices.Contains(v.Processors, "MetadataExtraction"), Lambda: slices.Contains(v.Processors, "Lambda"),
	})
	if err != nil || v.Error != "" {
		if err == nil || err.Error() != v.Error {
			t.Errorf("%q: %v, want %v", v.Prefix, err, v.Error)
		}
		return
	}
	zone, err := time.LoadLocation(v.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	template := pair.Prefix
	if v.Field == "ErrorOutputPrefix" {
		template = pair.ErrorOutputPrefix
	}
	got, err := template.Append(nil, Values{Instant: v.Arrival.In(zone), Identity: "object", ErrorType: v.ErrorType, Query: v.Keys, Lambda: v.Keys})
	if err != nil {
		t.Errorf("%q: %v", v.Prefix, err)
	}
	if v.KeyPrefixRE == "" {
		if string(got) != v.KeyPrefix {
			t.Errorf("%q: %q, want %q", v.Prefix, got, v.KeyPrefix)
		}
		return
	}
	groups := regexp.MustCompile(v.KeyPrefixRE).FindStringSubmatch(string(got))
	if groups == nil || v.Distinct && groups[1] == groups[2] {
		t.Errorf("%q: %q, want %s", v.Prefix, got, v.KeyPrefixRE)
	}
}

// shared finds the folder of oracles beside the project.
func shared(t *testing.T) string {
	if dir := os.Getenv("SLUICE_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(filepath.Dir(dir), "shared")
	if !exists(dir) {
		t.Skip("no folder ", dir)
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
