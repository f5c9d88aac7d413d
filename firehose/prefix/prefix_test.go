package prefix

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestPatterns compares with what JDK 17 prints.
func TestPatterns(t *testing.T) {
	table, err := os.ReadFile("testdata/jdk17.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		zone, err := time.LoadLocation(c[1])
		if err != nil {
			t.Log(err)
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, c[2])
		if err != nil {
			t.Fatal(err)
		}
		got := "refused"
		if p, ok := compile(c[0]); ok {
			got = string(p.append(nil, at.In(zone)))
			if n := p.least(); n > length(got) {
				t.Errorf("%s: least %d, but %q", c[0], n, got)
			}
		}
		if got != c[3] {
			t.Errorf("%s in %s at %s: %q, the JDK says %q", c[0], c[1], c[2], got, c[3])
		}
	}
}
