package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// jsonCondition is failedPost as a filter pattern.
const jsonCondition = `{ $.status >= 500 && $.method = "POST" }`

// The programs of bench/rivals.
const otelcol, benthos = "sluice-bench-otelcol", "sluice-bench-benthos"

// contests are the workloads: each with sluice first.
func contests() []contest {
	const (
		gzipFolder = "everything into gzip objects in a folder"
		zstdFolder = "everything into zstd objects in a folder"
	)
	return []contest{
		{name: "W1", task: "lines with the term " + errorPattern + ", file to file", keep: hasError, contestants: []contestant{
			{name: "sluice filter", run: filters(errorPattern)},
			{name: "grep -F", program: "grep", run: reads("-F", errorPattern)},
			{name: "syslog-ng", program: "syslog-ng", run: syslogNG},
			{name: "rsyslog", program: "rsyslogd", run: rsyslog},
			{name: "OpenTelemetry Collector", program: otelcol, run: collector(`not IsMatch(body, "`+errorPattern+`")`, "")},
			{name: "Benthos", program: benthos, run: bloblang(`root = if !content().string().contains("` + errorPattern + `") { deleted() }`)},
		}},
		{name: "W2", task: "events with status >= 500 and method POST, file to file", keep: failedPost, contestants: []contestant{
			{name: "sluice filter", run: filters(jsonCondition)},
			{name: "jq", program: "jq", run: reads("-c", `select(.status >= 500 and .method == "POST")`)},
			{name: "OpenTelemetry Collector", program: otelcol, run: collector(`not (attributes["status"] >= 500 and attributes["method"] == "POST")`, "json_parser")},
			{name: "Benthos", program: benthos, run: bloblang(`root = if !(this.status.or(0) >= 500 && this.method.or("") == "POST") { deleted() }`)},
		}},
		{name: "W3", task: gzipFolder, contestants: []contestant{
			{name: "sluice serve", apart: "takes lines over HTTP, durable; load generator apart", run: serves("bulk/gzip/all")},
			{name: "sluice ship + serve", apart: "a file over PutLogEvents, durable; both counted", run: ships("putlogevents/gzip/all")},
			{name: "gzip -1", program: "gzip", apart: "one file", run: codec("gzip", "-1", "-c")},
			{name: "pigz -1", program: "pigz", apart: "one file", run: codec("gzip", "-1", "-c")},
			{name: "Benthos", program: benthos, run: archive("gzip")},
		}},
		{name: "W3-s3", task: "everything into gzip objects in S3", contestants: []contestant{
			{name: "sluice serve", program: "versitygw", apart: "takes lines over HTTP, durable; load generator apart", run: serves("bulk/gzip/all/s3")},
			{name: "sluice ship + serve", program: "versitygw", apart: "a file over PutLogEvents, durable; both counted", run: ships("putlogevents/gzip/all/s3")},
		}},
		{name: "W3z", task: zstdFolder, contestants: []contestant{
			{name: "sluice serve", apart: "takes lines over HTTP, durable; load generator apart", run: serves("bulk/zstd/all")},
			{name: "zstd -1", program: "zstd", apart: "one file", run: codec("zstd", "-1", "-T1", "-c")},
		}},
		{name: "W3z-s3", task: "everything into zstd objects in S3", contestants: []contestant{
			{name: "sluice serve", program: "versitygw", apart: "takes lines over HTTP, durable; load generator apart", run: serves("bulk/zstd/all/s3")},
		}},
		{name: "W4-s3", task: "everything into Parquet objects in S3, zstd pages", contestants: []contestant{
			{name: "sluice serve", program: "versitygw", apart: "takes lines over HTTP, durable; load generator apart", run: serves("bulk/parquet/all/s3")},
		}},
		{name: "W5", task: "HTTP requests of 1 MB accepted", endless: true, contestants: []contestant{
			{name: "sluice serve", apart: "lines, durable when accepted", run: accepts},
			{name: "OpenTelemetry Collector", program: otelcol, apart: "OTLP, stores nothing", run: otlpAccepts},
			{name: "Benthos", program: benthos, apart: "lines, stores nothing", run: benthosAccepts},
		}},
	}
}

// find looks for a program: versitygw where paths into S3 have it from, those of
// bench/rivals beside sluice, too.
func (o *Options) find(program string) string {
	if program == "versitygw" {
		return o.Gateway
	}
	beside := filepath.Join(filepath.Dir(o.Binary), program)
	if _, err := os.Stat(beside); err == nil && strings.HasPrefix(program, "sluice-bench-") {
		return beside
	}
	return inPath(program)
}

// filters is sluice filter.
func filters(text string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		return r.stream(exec.CommandContext(ctx, r.options.Binary, "filter", "-e", text, r.input), "")
	}
}

// reads is a program that reads a file, named last, and writes lines.
func reads(args ...string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		cmd := exec.CommandContext(ctx, r.program, append(args, r.input)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		return r.stream(cmd, "")
	}
}

// codec is a program that writes a compressed file.
func codec(name string, args ...string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		return r.stream(exec.CommandContext(ctx, r.program, append(args, r.input)...), name)
	}
}

// stream runs a command whose standard output is the output.
func (r *race) stream(cmd *exec.Cmd, codec string) (cost, error) {
	out, err := os.Create(r.output())
	if err != nil {
		return cost{}, err
	}
	cmd.Stdout = out
	took, err := run(cmd)
	took.out = func() (int64, int64, error) {
		seen := newLedger(r.options.Corpus)
		size, err := seen.file(r.output(), codec)
		return seen.lines, size, err
	}
	return took, errors.Join(err, out.Close())
}

// settle writes a configuration and names its file.
func (r *race) settle(name, text string) (string, error) {
	file := filepath.Join(r.dir, name)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// enough is true when as many lines are out as are expected; it looks only when
// the file has grown no more.
func (r *race) enough(count func() (lines, size int64, err error)) func() (bool, error) {
	last, since := int64(-1), time.Now()
	return func() (bool, error) {
		about, err := os.Stat(r.output())
		if err != nil {
			return false, nil // not made yet
		}
		if about.Size() != last {
			last, since = about.Size(), time.Now()
			return false, nil
		}
		if time.Since(since) < 300*time.Millisecond || last == 0 {
			return false, nil
		}
		lines, _, err := count()
		since = time.Now()
		return lines >= r.expected, err
	}
}

func syslogNG(ctx context.Context, r *race) (cost, error) {
	version, err := exec.CommandContext(ctx, r.program, "--version").Output()
	if err != nil {
		return cost{}, err
	}
	_, says, _ := strings.Cut(string(version), "Config version: ")
	says, _, _ = strings.Cut(says, "\n")
	file, err := r.settle("syslog-ng.conf", fmt.Sprintf(`@version: %s
options { stats-freq(0); log-msg-size(1048576); };
source s { stdin(flags(no-parse)); };
filter f { message("%s" type("string") flags("substring")); };
destination d { file("%s" template("$MSG\n")); };
log { source(s); filter(f); destination(d); };
`, says, errorPattern, r.output()))
	if err != nil {
		return cost{}, err
	}
	in, err := os.Open(r.input)
	if err != nil {
		return cost{}, err
	}
	defer in.Close()
	at := func(name string) string { return filepath.Join(r.dir, name) }
	cmd := exec.CommandContext(ctx, r.program, "-F", "--no-caps", "-f", file, "-R", at("persist"), "-c", at("ctl"), "-p", at("pid"))
	cmd.Stdin = struct{ io.Reader }{in} // a pipe: it polls what it reads
	took, err := run(cmd)               // and ends with it
	took.out = linesOf(r.options.Corpus, r.output())
	return took, err
}

func rsyslog(ctx context.Context, r *race) (cost, error) {
	file, err := r.settle("rsyslog.conf", fmt.Sprintf(`global(workDirectory="%s" maxMessageSize="1m")
module(load="imfile")
template(name="line" type="string" string="%%msg%%\n")
ruleset(name="r") { if $msg contains "%s" then { action(type="omfile" file="%s" template="line") } }
input(type="imfile" file="%s" tag="bench" ruleset="r")
`, r.dir, errorPattern, r.output(), r.input))
	if err != nil {
		return cost{}, err
	}
	count := linesOf(r.options.Corpus, r.output())
	took, err := follow(ctx, exec.CommandContext(ctx, r.program, "-n", "-f", file, "-i", filepath.Join(r.dir, "pid")), r.enough(count))
	took.out = count
	return took, err
}

// collector drops what a condition is true of; parse is an operator before it.
func collector(drop, parse string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		operators := ""
		if parse != "" {
			operators = ", operators: [{type: " + parse + "}]"
		}
		file, err := r.settle("otelcol.yaml", fmt.Sprintf(`receivers:
  filelog: {include: ["%s"], start_at: beginning, max_log_size: 4MiB%s}
processors:
  filter: {error_mode: ignore, logs: {log_record: ['%s']}}
exporters:
  file: {path: "%s"}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    logs: {receivers: [filelog], processors: [filter], exporters: [file]}
`, r.input, operators, drop, r.output()))
		if err != nil {
			return cost{}, err
		}
		count := linesOfOTLP(r.options.Corpus, r.output())
		took, err := follow(ctx, exec.CommandContext(ctx, r.program, "--config", "file:"+file), r.enough(count))
		took.out = count
		return took, err
	}
}

// benthosConfig is what all its configurations begin with.
const benthosConfig = "http: {enabled: false}\nlogger: {level: error}\n"

// bloblang is Benthos with a mapping.
func bloblang(mapping string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		file, err := r.settle("benthos.yaml", fmt.Sprintf(benthosConfig+`input: {file: {paths: ["%s"], scanner: {lines: {max_buffer_size: 4194304}}}}
pipeline:
  processors:
    - mapping: |
        %s
output: {file: {path: "%s", codec: lines}}
`, r.input, mapping, r.output()))
		if err != nil {
			return cost{}, err
		}
		took, err := run(exec.CommandContext(ctx, r.program, "-c", file))
		took.out = linesOf(r.options.Corpus, r.output())
		return took, err
	}
}

// archive is Benthos, which writes objects of 32 MiB of lines.
func archive(codec string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		file, err := r.settle("benthos.yaml", fmt.Sprintf(benthosConfig+`input: {file: {paths: ["%s"], scanner: {lines: {max_buffer_size: 4194304}}}}
output:
  broker:
    outputs: [{file: {path: '%s/${! uuid_v4() }', codec: all-bytes}}]
    batching:
      byte_size: 33554432
      period: 1s
      processors: [{archive: {format: lines}}, {compress: {algorithm: %s, level: 1}}]
`, r.input, r.output(), codec))
		if err != nil {
			return cost{}, err
		}
		took, err := run(exec.CommandContext(ctx, r.program, "-c", file))
		took.out = linesBelow(r.options.Corpus, r.output(), codec)
		return took, err
	}
}
