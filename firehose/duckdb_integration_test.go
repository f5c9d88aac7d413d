//go:build integration

package firehose_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/event"
	"sluice/internal/format"
)

// duckDB answers queries by bench/duckdb/query.mjs.
func duckDB(t *testing.T, queries ...string) (answers [][][]any) {
	t.Helper()
	script, err := filepath.Abs("../bench/duckdb/query.mjs")
	if err != nil {
		t.Fatal(err)
	}
	home := os.Getenv("SLUICETEST_DUCKDB")
	if home == "" {
		home = filepath.Dir(script)
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules/@duckdb/node-api")); err != nil {
		t.Skipf("no DuckDB: npm install --prefix bench/duckdb, or set SLUICETEST_DUCKDB: %v", err)
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
		"bytes: select log_group, count(*) from "+from+" where "+strings.Join(where, " and ")+" and message like '%\"u7\"%' group by all",
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
	if read, all := answers[4][0][0].(float64), sizes(t, dir); read > all/10 {
		t.Errorf("%.0f bytes of %.0f were read for an hour of a day", read, all)
	} else {
		t.Logf("%.0f bytes of %.0f were read for an hour of a day", read, all)
	}
	if got := fmt.Sprint(answers[3]); !strings.Contains(got, "1/25") {
		t.Error("partitions are not pruned:", got)
	}
}

// sizes is what the files below a folder take.
func sizes(t *testing.T, dir string) (sum float64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += float64(info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestDuckDBPassesOverRowGroups asks a file of many row groups for a minute: the
// statistics of ts say which one has it, and that none has what lies before.
func TestDuckDBPassesOverRowGroups(t *testing.T) {
	p, err := format.NewParquet(format.ParquetConfig{RowGroupBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	w := p.NewWriter()
	const start, minutes, perMinute = 1767000000000, 60, 1000
	r := rand.New(rand.NewPCG(1, 2))
	for minute := range int64(minutes) {
		b := event.GetBuilder(1 << 20)
		for i := range int64(perMinute) {
			if err := b.Append(start+minute*60_000+i*60, fmt.Appendf(nil, "request %016x of minute %d took %d ms", r.Uint64(), minute, r.IntN(1000))); err != nil {
				t.Fatal(err)
			}
		}
		s, err := b.Seal(event.Header{Ingested: start}, event.Source{Account: "1", Region: "r", LogGroup: "g", LogStream: "s"})
		if err != nil {
			t.Fatal(err)
		}
		w.Append(s, nil)
		b.Release()
	}
	o, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	name := filepath.Join(t.TempDir(), "minutes.parquet")
	f, err := os.Create(name)
	if err == nil {
		_, err = o.WriteTo(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	query := func(from, to int64) string {
		return fmt.Sprintf("select count(*)::int, max(message) from read_parquet('%s') where ts >= make_timestamp(%d) and ts < make_timestamp(%d)", name, from*1000, to*1000)
	}
	groups := fmt.Sprintf("select count(distinct row_group_id)::int from parquet_metadata('%s')", name)
	answers := duckDB(t, groups, "bytes: "+query(start+30*60_000, start+31*60_000), "bytes: "+query(0, 1), query(start+30*60_000, start+31*60_000))
	read, none := answers[1][0][0].(float64), answers[2][0][0].(float64)
	t.Logf("%v row groups, %d bytes: %.0f read for one minute of an hour, %.0f for one before it", answers[0], o.Size(), read, none)
	if answers[0][0][0].(float64) < 10 || read > float64(o.Size())/10 || none > float64(o.Size())/50 { // the footer is read
		t.Error("row groups are not passed over")
	}
	if got := fmt.Sprint(answers[3][0][0]); got != fmt.Sprint(perMinute) {
		t.Errorf("%s events in the minute, want %d", got, perMinute)
	}
}

func TestDuckDBReadsLines(t *testing.T) {
	dir := deliverHours(t, `"CompressionFormat":"GZIP","SluiceConfiguration":{"Format":"ndjson","Layout":"hive"}`)
	answers := duckDB(t, fmt.Sprintf("select count(*)::int, count(log_group)::int, max(json_extract(message, '$.status')::int)::int from read_json('%s/**/*.ndjson', format = 'newline_delimited', hive_partitioning = true)", dir))
	if got, want := fmt.Sprint(answers[0]), fmt.Sprintf("[[%d %d 500]]", hours*200+1, hours*200); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
