package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/bench/corpus"
	"sluice/internal/event"
	"sluice/internal/format"
)

// secondFile is a file as a used writer makes it: the first file of a writer is
// not the one that goes wrong.
func secondFile(t *testing.T, cfg format.ParquetConfig, batches ...event.Batch) string {
	t.Helper()
	p := newParquet(t, cfg)
	first := writeParquet(t, p, batches...)
	first.Release()
	file := filepath.Join(t.TempDir(), "events.parquet")
	if err := os.WriteFile(file, body(t, writeParquet(t, p, batches...)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// run gives a script a file and decodes the JSON it prints.
func run(t *testing.T, into any, command ...string) {
	t.Helper()
	var complaint bytes.Buffer
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &complaint)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v: %.200s", err, out)
	}
}

// pythonParquet reads the footer, and the PLAIN columns of uncompressed version 1
// pages, by the format's specification alone.
const pythonParquet = `
import sys, struct, json
b = open(sys.argv[1], 'rb').read()
class Thrift: # compact protocol: a struct is a dict by field number
    def __init__(self, at): self.at = at
    def byte(self): self.at += 1; return b[self.at-1]
    def varint(self):
        n = shift = 0
        while True:
            c = self.byte(); n |= (c & 127) << shift; shift += 7
            if c < 128: return n
    def zigzag(self): n = self.varint(); return n >> 1 ^ -(n & 1)
    def value(self, kind):
        if kind == 1: return True
        if kind == 2: return False
        if kind == 3: return struct.unpack('b', bytes([self.byte()]))[0]
        if kind in (4, 5, 6): return self.zigzag()
        if kind == 7: self.at += 8; return struct.unpack('<d', b[self.at-8:self.at])[0]
        if kind == 8: n = self.varint(); self.at += n; return b[self.at-n:self.at]
        if kind == 9:
            head = self.byte(); n = head >> 4
            if n == 15: n = self.varint()
            element = head & 15
            return [self.byte() == 1 if element in (1, 2) else self.value(element) for _ in range(n)]
        if kind == 12: return self.struct()
        raise ValueError(kind)
    def struct(self):
        out, last = {}, 0
        while True:
            head = self.byte()
            if head == 0: return out
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            out[last] = self.value(head & 15)
def levels(data, n): # bit width 1, after their length
    out, i = [], 0
    while len(out) < n:
        h = shift = 0
        while True:
            c = data[i]; i += 1; h |= (c & 127) << shift; shift += 7
            if c < 128: break
        if h & 1:
            for c in data[i:i+(h >> 1)]: out += [c >> k & 1 for k in range(8)]
            i += h >> 1
        else:
            out += [data[i]] * (h >> 1); i += 1
    return out[:n]
assert b[:4] == b[-4:] == b'PAR1'
size, = struct.unpack('<I', b[-8:-4])
meta = Thrift(len(b) - 8 - size).struct()
schema = [e[4].decode() for e in meta[2][1:]]
optional = [e[3] == 1 for e in meta[2][1:]]
columns = {name: [] for name in schema}
for group in meta[4]:
    for i, chunk in enumerate(group[1]):
        c = chunk[3]
        assert [p.decode() for p in c[3]] == [schema[i]], (c[3], schema[i])
        t = Thrift(c[9]); left = c[5]
        assert left == group[3]
        while left:
            head = t.struct(); start = t.at; t.at += head[3]; page = head[5]
            assert head[1] == 0 and page[1] <= left; left -= page[1]
            if page[2] != 0 or c[1] != 6: continue # PLAIN byte arrays only
            data, at, defined = b[start:t.at], 0, [1] * page[1]
            if optional[i]:
                n, = struct.unpack('<I', data[:4]); defined = levels(data[4:4+n], page[1]); at = 4 + n
            for d in defined:
                if not d: columns[schema[i]].append(None); continue
                n, = struct.unpack('<I', data[at:at+4]); at += 4 + n
                columns[schema[i]].append(data[at-n:at].decode())
            assert at == len(data)
sorting = [[schema[s.get(1, 0)] for s in g.get(4, [])] for g in meta[4]]
json.dump({'rows': meta[3], 'schema': schema, 'sorting': sorting, 'columns': columns}, sys.stdout)
`

func TestPythonReadsParquet(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skipf("python3 is not here: %v", err)
	}
	batches := generated(t, corpus.App, 3000)
	file := secondFile(t, format.ParquetConfig{Compression: "UNCOMPRESSED", Fields: appFields[:2], RowGroupBytes: 1 << 20}, batches...)
	var got struct {
		Rows    int
		Schema  []string
		Sorting [][]string
		Columns map[string][]*string
	}
	run(t, &got, "python3", "-c", pythonParquet, file)
	want := "ts ingest_ts account region log_group log_stream event_id message level service _rest"
	if got.Rows != 3000 || strings.Join(got.Schema, " ") != want || len(got.Sorting) < 2 || strings.Join(got.Sorting[1], ",") != "log_group,ts" {
		t.Fatal(got.Rows, got.Schema, got.Sorting)
	}
	row := 0
	for _, b := range batches {
		for i := range b.Len() {
			if m := got.Columns["message"][row]; m == nil || *m != string(b.Message(i)) {
				t.Fatalf("row %d: message %v", row, m)
			}
			if id := got.Columns["event_id"][row]; id == nil || *id != b.ID(i).String() {
				t.Fatalf("row %d: event id %v", row, id)
			}
			rest := got.Columns["_rest"][row]
			if rest == nil || strings.Contains(*rest, `"service":`) || !json.Valid([]byte(*rest)) {
				t.Fatalf("row %d: rest %v", row, rest)
			}
			row++
		}
	}
}

// duckParquet prints what DuckDB finds in the file of argument 1, as text.
const duckParquet = `
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const db = await (await DuckDBInstance.create(':memory:')).connect();
  const from = "from read_parquet('" + process.argv[1] + "')";
  const rows = async (sql) => (await db.runAndReadAll(sql)).getRows();
  console.log(JSON.stringify({
    Columns: (await rows("describe select * " + from)).map(r => r[0] + ' ' + r[1]),
    Rows: await rows("select epoch_us(ts)::varchar, epoch_us(ingest_ts)::varchar, account, region, log_group, log_stream, event_id, message, " +
      "coalesce(level, ''), coalesce(status::varchar, '') " + from),
  }));
})().catch(e => { console.error(e); process.exit(1); });
`

func TestDuckDBReadsParquet(t *testing.T) {
	if out, err := exec.Command("node", "-e", "require.resolve('@duckdb/node-api')").CombinedOutput(); err != nil {
		t.Skipf("node with @duckdb/node-api (set NODE_PATH to where it is installed) is not here: %v: %.80s", err, out)
	}
	batches := generated(t, corpus.App, 3000)
	fields := []format.Field{{Path: []string{"level"}, Type: format.String}, {Path: []string{"status"}, Type: format.BigInt}}
	for _, codec := range []string{"ZSTD", "SNAPPY"} {
		file := secondFile(t, format.ParquetConfig{Compression: codec, Fields: fields, RowGroupBytes: 1 << 20}, batches...)
		var got struct {
			Columns []string
			Rows    [][]string
		}
		run(t, &got, "node", "-e", duckParquet, file)
		want := []string{
			"ts TIMESTAMP WITH TIME ZONE", "ingest_ts TIMESTAMP WITH TIME ZONE", "account VARCHAR", "region VARCHAR", "log_group VARCHAR",
			"log_stream VARCHAR", "event_id VARCHAR", "message VARCHAR", "level VARCHAR", "status BIGINT", "_rest VARCHAR",
		}
		if !slices.Equal(got.Columns, want) || len(got.Rows) != 3000 {
			t.Fatal(got.Columns, len(got.Rows))
		}
		row := 0
		for _, b := range batches {
			for i := range b.Len() {
				var m struct {
					Level  string
					Status json.Number
				}
				if err := json.Unmarshal(b.Message(i), &m); err != nil {
					t.Fatal(err)
				}
				want := []string{
					fmt.Sprint(b.Timestamp(i) * 1000), fmt.Sprint(b.Ingested() * 1000), web.Account, web.Region, web.LogGroup, web.LogStream,
					b.ID(i).String(), string(b.Message(i)), m.Level, string(m.Status),
				}
				if !slices.Equal(got.Rows[row], want) {
					t.Fatalf("row %d:\n got %q\nwant %q", row, got.Rows[row], want)
				}
				row++
			}
		}
	}
}
