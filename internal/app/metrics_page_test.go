package app_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/obs"
	"sluice/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the metrics of docs/operations.md anew")

const (
	metricsPage = "../../docs/operations.md"
	metricsMark = "\n## All metrics\n\n<!-- Generated: go test ./internal/app -run TestMetricsPage -rewrite -->\n\n"
)

// everyFamily is the metrics of a process with sources and destinations of every
// kind, and of one of several processes.
func everyFamily(t *testing.T) map[string]obs.Family {
	t.Helper()
	t.Setenv("APP_TEST_REPLICATION", "a token of sixteen characters")
	all := map[string]obs.Family{}
	f := func(change func(c *app.Config)) {
		t.Helper()
		cfg := app.Config{DataDir: "/data", FS: vfs.NewMem(), Catalog: catalog.NewMemory(), Pipelines: pipelines(1, 1)}
		change(&cfg)
		a, err := app.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range a.Families() {
			all[family.Name] = family
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	f(func(c *app.Config) {
		c.Sources.Kafka = []app.KafkaSource{{Name: "a", Brokers: []string{"127.0.0.1:1"}, Topics: []string{"t"}, GroupID: "g", LogGroup: "/k"}}
		c.Sources.Kinesis = []app.KinesisLogs{{Name: "k", ARN: "arn:aws:kinesis:us-east-1:000000000000:stream/s", Endpoint: "http://127.0.0.1:1"}}
		c.Crossregion.Serve.TokenEnvs = []string{"APP_TEST_REPLICATION"}
		c.Crossregion.Sources = []app.CrossregionSource{{Name: "r", URL: "https://127.0.0.1:1", TokenEnv: "APP_TEST_REPLICATION", Groups: []string{"*"}}}
	})
	f(func(c *app.Config) { c.ScaleOut.Brokers = []string{"127.0.0.1:1"} })
	return all
}

// TestMetricsPage generates the list at the end of docs/operations.md from what is
// registered, and wants every metric that a page names to be there.
func TestMetricsPage(t *testing.T) {
	all := everyFamily(t)
	var list strings.Builder
	list.WriteString("| metric | labels | is |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		family := all[name]
		if leansOn.MatchString(family.Help) {
			t.Errorf("%s: %q needs the line before it to be understood", name, family.Help)
		}
		fmt.Fprintf(&list, "| `%s` | %s | %s |\n", name, strings.Join(family.Labels, ", "), family.Help)
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	top, have, found := strings.Cut(string(page), metricsMark)
	if !found {
		t.Fatalf("%s has no section of all metrics", metricsPage)
	}
	if *rewrite {
		if err := os.WriteFile(metricsPage, []byte(top+metricsMark+list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := gocmp.Diff(have, list.String()); diff != "" {
		t.Errorf("%s is stale: go test ./internal/app -run TestMetricsPage -rewrite\n(-have +want):\n%s", metricsPage, diff)
	}

	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(pages, "../../README.md", "../../ARCHITECTURE.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range metricName.FindAllString(string(text), -1) {
			if !names(all, named) {
				t.Errorf("%s names %s, which is no metric", file, named)
			}
		}
	}
}

var (
	metricName = regexp.MustCompile(`\bsluice_[a-z0-9_]+`)
	leansOn    = regexp.MustCompile(`^(Their|Those|These|It|They) |^\w+ (of|for|in) (it|them|those|that)\b`)
)

// names tells whether a text is a metric, or as in sluice_log_* how some begin.
func names(all map[string]obs.Family, text string) bool {
	if _, ok := all[text]; ok {
		return true
	}
	for name := range all {
		if strings.HasSuffix(text, "_") && strings.HasPrefix(name, text) {
			return true
		}
	}
	return false
}
