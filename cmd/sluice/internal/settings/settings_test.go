package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/cmd/sluice/internal/settings"
	"sluice/internal/app"
)

// write makes sluice.yaml in a folder of its own and makes that the working
// folder, so that messages name it shortly.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("sluice.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "sluice.yaml"
}

func TestDefaultsPass(t *testing.T) {
	s, err := settings.Load(settings.Input{})
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Defaults()
	want.S3 = "folder:sluice-data/s3"
	if diff := cmp.Diff(want, s.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\ndata_dir: from-file\nregion: eu-west-1\n")
	s, err := settings.Load(settings.Input{
		File:  file,
		Env:   []string{"SLUICE_ADMIN=127.0.0.1:3", "SLUICE_DATA_DIR=from-env", "SLUICE_REGION=", "PATH=/bin"},
		Flags: map[string]string{"data_dir": "from-flag"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(key, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	f("listen", s.Config.Listen, "127.0.0.1:1")
	f("admin", s.Config.Admin, "127.0.0.1:3")
	f("data_dir", s.Config.DataDir, "from-flag")
	f("region", s.Config.Region, "eu-west-1")
	f("limits", s.Config.Limits, "relaxed")
	f("s3", s.Config.S3, "folder:from-flag/s3")
}

const everything = `
# all kinds of values
listen: 127.0.0.1:0
account_id: 000000000012
insecure: true
test_clock: 2026-01-02T03:04:05Z
credentials:
  - {access_key_id: a, secret_access_key: b}
  - {access_key_id: c, secret_access_key: d, account_id: "123456789012"}
http: {max_body_bytes: 4194304}
log:
  shards: 2
pipelines:
  log_groups:
    - logGroupName: /shop/web
      retentionInDays: 30
      tags: &tags {team: shop}
      logStreamNames: [a, b]
    - {logGroupName: /shop/db, tags: *tags}
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration: {BufferingHints: {SizeInMBs: 64}}
  subscription_filters:
    - {logGroupName: /shop/web, filterName: f, filterPattern: "", destinationArn: "arn:x"}
`

func TestEveryKindOfValue(t *testing.T) {
	s, err := settings.Load(settings.Input{File: write(t, everything)})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config
	tags := map[string]string{"team": "shop"}
	f := func(key string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	f("account_id", c.AccountID, "000000000012")
	f("insecure", c.Insecure, true)
	f("test_clock", c.TestClock, "2026-01-02T03:04:05Z")
	f("credentials", c.Credentials, []app.Credential{
		{AccessKeyID: "a", SecretAccessKey: "b"},
		{AccessKeyID: "c", SecretAccessKey: "d", AccountID: "123456789012"},
	})
	f("http.max_body_bytes", c.HTTP.MaxBodyBytes, int64(4<<20))
	f("http.max_inflated_bytes", c.HTTP.MaxInflatedBytes, int64(16<<20))
	f("log.shards", c.Log.Shards, 2)
	f("log_groups", c.Pipelines.LogGroups, []app.LogGroup{
		{LogGroupName: "/shop/web", RetentionInDays: 30, Tags: tags, LogStreamNames: []string{"a", "b"}},
		{LogGroupName: "/shop/db", Tags: tags},
	})
	f("delivery_streams", c.Pipelines.DeliveryStreams, []map[string]any{{
		"DeliveryStreamName":                 "lake",
		"ExtendedS3DestinationConfiguration": map[string]any{"BufferingHints": map[string]any{"SizeInMBs": 64}},
	}})
	f("subscription_filters", c.Pipelines.SubscriptionFilters,
		[]app.SubscriptionFilter{{LogGroupName: "/shop/web", FilterName: "f", DestinationARN: "arn:x"}})
}

func TestStructuredEnvironment(t *testing.T) {
	s, err := settings.Load(settings.Input{Env: []string{
		"SLUICE_LOG_SHARDS=3",
		"SLUICE_ACCOUNT_ID=000000000007",
		"SLUICE_CREDENTIALS=[{access_key_id: a, secret_access_key: b}]",
		"SLUICE_PIPELINES_LOG_GROUPS=[{logGroupName: /a}]",
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config
	if c.Log.Shards != 3 || c.AccountID != "000000000007" || len(c.Credentials) != 1 || len(c.Pipelines.LogGroups) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestUnknownVariablesAreReported(t *testing.T) {
	s, err := settings.Load(settings.Input{Env: []string{"SLUICE_LISTN=x", "SLUICE_CONFIG=y", "SLUICE_SHARED=z", "SLUICED=1", "SLUICE_ZZZZZZ=1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SLUICE_LISTN sets nothing; did you mean SLUICE_LISTEN?",
		"SLUICE_ZZZZZZ sets nothing; sluice serve --print-config shows what can be set",
	}
	if diff := cmp.Diff(want, s.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

func TestFileProblemsNameLineAndKey(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := settings.Load(settings.Input{File: write(t, text)})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(strings.Join(want, "\n"), got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("")
	f("# only a comment\n")
	f("log:\n")
	f("\nlisen: 127.0.0.1:1\n", "sluice.yaml:2: unknown key lisen; did you mean listen?")
	f("http: {bodies: 1}\n", "sluice.yaml:1: unknown key http.bodies; the keys here are max_body_bytes, max_inflated_bytes, max_in_flight_bytes, read_timeout_seconds")
	f("log:\n  shards: two\n  segment_byte: 1\n",
		`sluice.yaml:2: log.shards wants a whole number, not "two"`,
		"sluice.yaml:3: unknown key log.segment_byte; did you mean segment_bytes?")
	f("insecure: perhaps\n", `sluice.yaml:1: insecure wants true or false, not "perhaps"`)
	f("credentials: abc\n", `sluice.yaml:1: credentials wants a list, not "abc"`)
	f("credentials:\n  - a\n", `sluice.yaml:2: credentials[0] wants keys and values, not "a"`)
	f("credentials:\n  - {access_key: a}\n", "sluice.yaml:2: unknown key credentials[0].access_key; the keys here are access_key_id, secret_access_key, session_token, account_id, actions, regions")
	f("http: 3\n", `sluice.yaml:1: http wants keys and values, not "3"`)
	f("- a\n", "sluice.yaml:1: the file wants keys and values, not a list")
	f("listen: [a]\n", "sluice.yaml:1: listen wants text, not a list")
	f("listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\nlisten: 127.0.0.1:3\n", "sluice.yaml:3: key listen was already set in line 1")
	f("listen: 127.0.0.1:1\n---\nadmin: 127.0.0.1:2\n", "sluice.yaml:2: one document is enough: remove what follows ---")
	f("listen: 'a\n", "sluice.yaml: line 2: found unexpected end of stream")
	f("host_names: {}\n", "sluice.yaml:1: host_names wants a list of text, not keys and values")
	f("pipelines: {delivery_streams: {}}\n", "sluice.yaml:1: pipelines.delivery_streams wants a list of keys and values, not keys and values")
}

func TestValuesAreChecked(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := settings.Load(settings.Input{File: write(t, text)})
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	f("listen: somewhere", `sluice.yaml:1: listen: "somewhere" is not an address: give HOST:PORT`)
	f("listen: 127.0.0.1:99999", "is not an address")
	f("listen: '[::1]:0'", "")
	f("listen: localhost:1", "")
	f("admin: 127.0.0.1:4580", "sluice.yaml:1: admin: 127.0.0.1:4580 is the data address too")
	f("{listen: 127.0.0.1:0, admin: 127.0.0.1:0}", "")
	f("listen: :4580", "sluice.yaml:1: listen: :4580 can be reached from other machines by anybody: configure credentials")
	f("listen: 0.0.0.0:4580", "--insecure")
	f("admin: 10.0.0.1:4590", "admin: 10.0.0.1:4590 can be reached")
	f("{listen: 0.0.0.0:4580, insecure: true}", "")
	f("{listen: 0.0.0.0:4580, credentials: [{access_key_id: a, secret_access_key: b}]}", "")
	f("data_dir: ''", "data_dir: is empty")
	f("s3: folder:./lake", "")
	f("s3: 'folder:'", "give folder:DIR")
	f("s3: ./lake", "give folder:DIR")
	f("limits: strict", `limits: "strict" is not one of aws, relaxed`)
	f("account_id: 12", "give twelve digits")
	f("region: US EAST", "is not a region")
	f("log_level: loud", "not one of debug, info, warn, error")
	f("test_clock: yesterday", "RFC 3339")
	f("test_clock: 2026-01-02", "RFC 3339")
	f("credentials: [{access_key_id: a}]", "a has no secret_access_key")
	f("credentials: [{secret_access_key: a}]", "number 1 has no access_key_id")
	f("credentials: [{access_key_id: a, secret_access_key: b}, {access_key_id: a, secret_access_key: c}]", "a is there twice")
	f("credentials: [{access_key_id: a, secret_access_key: (hidden)}]", "give the secret itself")
	f("credentials: [{access_key_id: a, secret_access_key: b, account_id: '1'}]", "twelve digits")
	f("{listen: 0.0.0.0:4580, bearer_tokens: [{token: 0123456789abcdef}]}", "")
	f("bearer_tokens: [{token: 0123456789abcde}]", "sluice.yaml:1: bearer_tokens: number 1: the token is too short")
	f("bearer_tokens: [{account_id: '111122223333'}]", "number 1: the token is too short")
	f("bearer_tokens: [{token: (hidden)}]", "give the token itself")
	f("bearer_tokens: [{token: 0123456789abcdef}, {token: 0123456789abcdef}]", "number 2: the token is there twice")
	f("bearer_tokens: [{token: 0123456789abcdef, account_id: '1'}]", "twelve digits")
	f("bearer_tokens: [{token: 0123456789abcdef, region: US EAST}]", "is not a region")
	f("bearer_tokens: [{token: 0123456789abcdef, expires: soon}]", "RFC 3339")
	f("ingest: {oversize: drop}", `ingest.oversize: "drop" is not one of reject, truncate, split`)
	f("http_ingest: {otlp_message: all}", `http_ingest.otlp_message: "all" is not one of body, record`)
	f("tls: {cert: c.pem}", "sluice.yaml:1: tls: cert and key go together")
	f("tls: {cert: c.pem, key: k.pem}", "cert and key do not load")
	f("http: {max_body_bytes: 0}", "http.max_body_bytes: 0 is too small")
	f("http: {max_inflated_bytes: 1024}", "http.max_inflated_bytes: 1024 is out of range: give 8388608 to 16777216")
	f("http: {max_in_flight_bytes: 1024}", "give at least 16777216")
	f("http: {read_timeout_seconds: -1}", "give at least 1")
	f("log: {shards: 65}", "65 is out of range: give 1 to 64")
	f("log: {segment_bytes: 1}", "log.segment_bytes: 1 is too small")
	f("log: {tail_bytes: 1}", "log.tail_bytes: 1 is too small")
	f("pipelines: {log_groups: [{retentionInDays: 1}]}", "pipelines.log_groups[0]: logGroupName is missing")
	f("pipelines: {delivery_streams: [{Name: a}]}", "pipelines.delivery_streams[0]: DeliveryStreamName is missing")
	f("pipelines: {subscription_filters: [{logGroupName: g, filterName: f}]}", "destinationArn is missing")
}

func TestProblemsNameVariableOrFlag(t *testing.T) {
	f := func(in settings.Input, want string) {
		t.Helper()
		if _, err := settings.Load(in); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	f(settings.Input{Env: []string{"SLUICE_LOG_SHARDS=two"}}, `SLUICE_LOG_SHARDS: log.shards wants a whole number, not "two"`)
	f(settings.Input{Env: []string{"SLUICE_LOG_SHARDS=0"}}, `SLUICE_LOG_SHARDS: log.shards: 0 is out of range: give 1 to 64`)
	f(settings.Input{Flags: map[string]string{"limits": "hard"}}, `--limits: limits: "hard" is not one of aws, relaxed`)
	f(settings.Input{Flags: map[string]string{"no_such": "x"}}, `flag for no_such, which is no key`)
	f(settings.Input{File: "none/sluice.yaml"}, "configuration file: open none/sluice.yaml: no such file or directory")
}

func TestEnvironmentNamesAreUnique(t *testing.T) {
	paths := make(map[string]string)
	for _, key := range settings.Keys() {
		if other := paths[key.Env]; other != "" {
			t.Errorf("%s is both %s and %s", key.Env, other, key.Path)
		}
		paths[key.Env] = key.Path
	}
	if len(paths) < 20 {
		t.Errorf("only %d keys", len(paths))
	}
	if paths["SLUICE_HTTP_MAX_BODY_BYTES"] != "http.max_body_bytes" {
		t.Errorf("http.max_body_bytes is not SLUICE_HTTP_MAX_BODY_BYTES")
	}
}

func TestWriteYAML(t *testing.T) {
	s, err := settings.Load(settings.Input{
		File:  write(t, everything),
		Env:   []string{"SLUICE_REGION=eu-west-1"},
		Flags: map[string]string{"data_dir": "there"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		"listen: 127.0.0.1:0 # sluice.yaml:3\n",
		"region: eu-west-1 # SLUICE_REGION\n",
		"data_dir: there # --data-dir\n",
		"limits: relaxed # default\n",
		"  shards: 2 # sluice.yaml:12\n",
		"# sluice.yaml:8\ncredentials:\n",
		"secret_access_key: (hidden)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	// What was written can be read again and means the same, secrets excepted.
	again, err := settings.Load(settings.Input{File: write(t, strings.ReplaceAll(text, "(hidden)", "x"))})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again.Config.Credentials, s.Config.Credentials = nil, nil
	if diff := cmp.Diff(s.Config, again.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(everything)
	f.Add("a: &x {b: *x}\n")
	f.Add("? [a]\n: b\n")
	f.Add("listen: !!binary aGk=\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "sluice.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := settings.Load(settings.Input{File: file})
		if err != nil {
			return // refused; what matters is that it was not a panic
		}
		if err := s.WriteYAML(&strings.Builder{}); err != nil {
			t.Errorf("accepted and cannot be printed: %v", err)
		}
	})
}

func TestWriteYAMLHidesTokens(t *testing.T) {
	s, err := settings.Load(settings.Input{File: write(t, "bearer_tokens: [{token: 0123456789abcdef}]")})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "0123456789abcdef") || !strings.Contains(text, "token: (hidden)") {
		t.Errorf("the token is shown:\n%s", text)
	}
	if s.Config.BearerTokens[0].Token != "0123456789abcdef" {
		t.Error("the token itself was hidden")
	}
}
