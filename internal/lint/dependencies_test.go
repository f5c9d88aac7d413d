package lint_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// dependency is one module that go.mod names directly.
type dependency struct {
	module   string
	testOnly bool // also allowed in bench/
	reason   string
}

// A new direct dependency is a line here first. ARCHITECTURE.md gives the same
// reasons at more length.
var dependencies = []dependency{
	{"github.com/DataDog/sketches-go", false, "percentiles of metrics with a bounded relative error"},
	{"github.com/HdrHistogram/hdrhistogram-go", false, "latencies of the benchmarks without coordinated omission"},
	{"github.com/alecthomas/kong", false, "commands and flags declared as structs; no dependencies of its own"},
	{"github.com/aws/aws-sdk-go-v2", false, "the types that all AWS clients share"},
	{"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream", false, "the frames of StartLiveTail and SubscribeToShard"},
	{"github.com/aws/aws-sdk-go-v2/config", false, "sluice ship and S3 targets find endpoints and credentials as every AWS client does"},
	{"github.com/aws/aws-sdk-go-v2/credentials", false, "static credentials for loopback endpoints"},
	{"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs", false, "sluice ship; the oracle of the API tests"},
	{"github.com/aws/aws-sdk-go-v2/service/kinesis", false, "Kinesis streams as destination and source"},
	{"github.com/aws/aws-sdk-go-v2/service/s3", false, "objects in S3"},
	{"github.com/aws/aws-sdk-go-v2/service/sns", false, "alarm actions that go to a real SNS topic"},
	{"github.com/cespare/xxhash/v2", false, "partition hashing at memory speed"},
	{"github.com/fxamacker/cbor/v2", false, "CloudWatch's rpc-v2-cbor protocol"},
	{"github.com/go-json-experiment/json", false, "JSON tokens without allocation; the standard library's next json"},
	{"github.com/itchyny/gojq", false, "the only jq in Go, for Firehose's MetadataExtraction"},
	{"github.com/klauspost/compress", false, "zstd, snappy and a gzip that is faster than the standard library's"},
	{"github.com/parquet-go/parquet-go", false, "Parquet objects"},
	{"github.com/prometheus/client_golang", false, "/metrics"},
	{"github.com/schollz/progressbar/v3", false, "progress of sluice ship on a terminal"},
	{"github.com/segmentio/kafka-go", false, "Kafka as a source, a stream and a destination"},
	{"github.com/segmentio/kafka-go/sasl/aws_msk_iam_v2", false, "signing in to MSK by IAM"},
	{"go.etcd.io/bbolt", false, "the catalog: one file, atomic, synced on commit"},
	{"go.yaml.in/yaml/v3", false, "the configuration file, with line numbers for errors"},
	{"google.golang.org/protobuf", false, "protowire, to read OTLP without generated code"},

	{"github.com/aws/aws-sdk-go-v2/service/cloudwatch", true, "an AWS client as the oracle of the API tests"},
	{"github.com/aws/aws-sdk-go-v2/service/firehose", true, "an AWS client as the oracle of the API tests"},
	{"github.com/google/go-cmp", true, "differences that people can read"},
	{"github.com/johannesboyne/gofakes3", true, "an S3 inside the test process"},
	{"github.com/rogpeppe/go-internal", true, "testscript, for the binary"},
	{"github.com/twmb/franz-go", true, "the version that kfake builds with"},
	{"github.com/twmb/franz-go/pkg/kfake", true, "Kafka brokers inside the test process"},
	{"github.com/twmb/franz-go/pkg/kmsg", true, "the requests that faults of those brokers name"},
	{"go.opentelemetry.io/proto/otlp", true, "OTLP's generated types, the oracle of our own reader"},
	{"pgregory.net/rapid", true, "properties tried on generated inputs"},
	{"go.uber.org/goleak", true, "goroutines left behind by Run"},
}

// goMod returns the modules of go.mod and whether each is a direct dependency.
func goMod(t *testing.T) map[string]bool {
	t.Helper()
	command := exec.Command("go", "mod", "edit", "-json")
	command.Dir = root
	text, err := command.Output()
	if err != nil {
		t.Fatalf("go mod edit -json: %v", err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	direct := make(map[string]bool)
	for _, require := range file.Require {
		direct[require.Path] = !require.Indirect
	}
	return direct
}

func TestDirectDependenciesAreDeliberate(t *testing.T) {
	listed := make(map[string]bool)
	for _, d := range dependencies {
		if listed[d.module] {
			t.Errorf("%s is listed twice", d.module)
		}
		listed[d.module] = true
	}
	required := goMod(t)
	for name, direct := range required {
		if direct && !listed[name] {
			t.Errorf("go.mod requires %s: give the reason in dependencies_test.go, or do without it", name)
		}
	}
	for name := range listed {
		if _, ok := required[name]; !ok {
			t.Errorf("%s is listed but go.mod does not require it: remove its line", name)
		}
	}
}

func TestImportsBelongToListedDependencies(t *testing.T) {
	required := goMod(t)
	listed := make(map[string]dependency)
	for _, d := range dependencies {
		listed[d.module] = d
	}
	for _, s := range sources(t) {
		for _, spec := range s.syntax.Imports {
			imported := importPath(spec)
			if standard(imported) || within(imported, module) {
				continue
			}
			owner := ownerOf(imported, required)
			switch {
			case owner == "":
				t.Errorf("%s imports %s, which no module of go.mod provides", s.pos(spec), imported)
			case listed[owner].module == "":
				t.Errorf("%s imports %s of %s, which is no deliberate dependency", s.pos(spec), imported, owner)
			case listed[owner].testOnly && !mayUseTestDependencies(s):
				t.Errorf("%s imports %s, which is for tests and bench/ only", s.pos(spec), imported)
			}
		}
	}
}

// mayUseTestDependencies is about test files, measurements, and packages that
// exist for tests (stream/streamtest).
func mayUseTestDependencies(s *source) bool {
	return s.test || layer(s.folder) == "bench" || strings.HasSuffix(s.folder, "test")
}

// ownerOf is the module with the longest path that holds an import.
func ownerOf(imported string, modules map[string]bool) string {
	owner := ""
	for name := range modules {
		if within(imported, name) && len(name) > len(owner) {
			owner = name
		}
	}
	return owner
}

func TestOwnerOf(t *testing.T) {
	modules := map[string]bool{"a.b/c": true, "a.b/c/d": true}
	f := func(imported, want string) {
		t.Helper()
		if got := ownerOf(imported, modules); got != want {
			t.Errorf("%s: %q, want %q", imported, got, want)
		}
	}
	f("a.b/c", "a.b/c")
	f("a.b/c/e", "a.b/c")
	f("a.b/c/d/e", "a.b/c/d")
	f("a.b/cd", "")
}
