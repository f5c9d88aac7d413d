//go:build integration

package firehose_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/event"
)

// duckDB answers queries by bench/duckdb/query.mjs.
func duckDB(t *testing.T, queries ...string) (answers [][][]any) {
	t.Helper()
	script, err := filepath.Abs("../bench/duckdb/query.mjs")
	if err != nil {
		t.Fatal(err)
	}
	home := os.Getenv("SLUICE_DUCKDB")
	if home == "" {
		home = filepath.Dir(script)
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules/@duckdb/node-api")); err != nil {
		t.Skipf("no DuckDB: npm install --prefix bench/duckdb, or set SLUICE_DUCKDB: %v", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("no node: %v", err)
	}
	c := exec.CommandContext(t.Context(), node, script)
	c.Stdin = strings.NewReader(strings.Join(queries, "\n") + "\n")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var rows [][]any
		if err := json.Unmarshal([]byte(line), &rows); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		answers = append(answers, rows)
	}
	if len(answers) != len(queries) {
		t.Fatalf("%d answers to %d queries", len(answers), len(queries))
	}
	return answers
}

// lay copies the objects of a world to a folder and returns it.
func (w *world) lay() string {
	w.Helper()
	dir := w.TempDir()
	for _, o := range w.objects() {
		name := filepath.Join(dir, strings.TrimSuffix(o.key, ".gz"))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(o.text), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	return dir
}

const hours = 24

// deliverHours brings a day of events, an object an hour, and a direct record.
func deliverHours(t *testing.T, members string) string {
	w := newWorld(t, config{})
	route := w.create(members + "," + hints(1, 60))
	for hour := range hours {
		var messages []string
		for i := range 200 {
			messages = append(messages, fmt.Sprintf(`{"status":%d,"user":"u%d","hour":%d}`, 200+i%3, i, hour))
		}
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: seal(t, messages...)}); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Hour)
	}
	w.put(route, `{"status":500}`)
	w.advance(time.Minute)
	w.stop()
	return w.lay()
}

func TestDuckDBReadsParquet(t *testing.T) {
	dir := deliverHours(t, promoted)
	from := fmt.Sprintf("read_parquet('%s/**/*.parquet', hive_partitioning = true)", dir)
	first, err := filepath.Glob(dir + "/*/*/*/*")
	if err != nil || len(first) < hours {
		t.Fatal(first, err)
	}
	var where []string
	rel, _ := filepath.Rel(dir, first[3])
	for _, part := range strings.Split(rel, "/") {
		column, value, _ := strings.Cut(part, "=")
		where = append(where, fmt.Sprintf("%s::int = %s::int", column, value))
	}
	answers := duckDB(t,
		"select count(*)::int, count(log_group)::int, count(distinct event_id)::int, sum(status)::int, count(_rest)::int from "+from,
		"select log_group, account, region, log_stream, message, json_extract_string(_rest, '$.user') from "+from+" where message like '%\"u7\"%' order by all limit 1",
		"select count(*)::int, min(epoch_ms(ts))::varchar from "+from+" where "+strings.Join(where, " and "),
		"explain analyze select count(*), max(message) from "+from+" where "+strings.Join(where, " and "),
	)
	sum := 500
	for i := range 200 {
		sum += hours * (200 + i%3)
	}
	if got, want := fmt.Sprint(answers[0]), fmt.Sprintf("[[%d %d 200 %d %d]]", hours*200+1, hours*200, sum, hours*200); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := fmt.Sprint(answers[1]); !strings.Contains(got, "/shop "+home.Account+" "+home.Region+" i-1") || !strings.Contains(got, " u7]") {
		t.Error(got)
	}
	if got := fmt.Sprint(answers[2]); got != "[[200 1767000000000]]" {
		t.Error(got)
	}
	// One of 25 files, which are of about one size, is read: less than a tenth.
	if got := fmt.Sprint(answers[3]); !strings.Contains(got, "1/25") {
		t.Error("partitions are not pruned:", got)
	}
}

func TestDuckDBReadsLines(t *testing.T) {
	dir := deliverHours(t, `"CompressionFormat":"GZIP","SluiceConfiguration":{"Format":"ndjson","Layout":"hive"}`)
	answers := duckDB(t, fmt.Sprintf("select count(*)::int, count(log_group)::int, max(json_extract(message, '$.status')::int)::int from read_json('%s/**/*.ndjson', format = 'newline_delimited', hive_partitioning = true)", dir))
	if got, want := fmt.Sprint(answers[0]), fmt.Sprintf("[[%d %d 500]]", hours*200+1, hours*200); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
