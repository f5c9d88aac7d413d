package awsapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidationTexts(t *testing.T) {
	f := func(v *Validation, check func(*Validation), code, want string) {
		t.Helper()
		check(v)
		err := v.Err()
		if want == "" {
			if err != nil {
				t.Errorf("got %v, want none", err)
			}
			return
		}
		if err == nil || err.Error() != code+": "+want {
			t.Errorf("got\n%v, want\n%s: %s", err, code, want)
		}
	}
	one := "1 validation error detected: "
	f(LogsValidation(), func(v *Validation) { v.Range("limit", 10001, 1, 10000) }, CodeInvalidParameter,
		one+"Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000")
	f(LogsValidation(), func(v *Validation) { v.Range("limit", 0, 1, 50) }, CodeInvalidParameter,
		one+"Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	f(LogsValidation(), func(v *Validation) { v.Range("limit", 50, 1, 50); v.Range("limit", 1, 1, 50) }, "", "")
	f(LogsValidation(), func(v *Validation) { v.Length("filterName", "äää", 1, 2) }, CodeInvalidParameter,
		one+"Value 'äää' at 'filterName' failed to satisfy constraint: Member must have length less than or equal to 2")
	f(LogsValidation(), func(v *Validation) { v.Length("filterName", "ää", 1, 2) }, "", "")
	f(LogsValidation(), func(v *Validation) { v.Length("message", "", 1, 2) }, CodeInvalidParameter,
		one+"Value '' at 'message' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(LogsValidation(), func(v *Validation) { v.ListLength("logStreamNames", List([]string{"a", "b"}), 2, 1, 1) }, CodeInvalidParameter,
		one+"Value '[a, b]' at 'logStreamNames' failed to satisfy constraint: Member must have length less than or equal to 1")
	f(CloudWatchValidation(), func(v *Validation) { v.Enum("stateValue", "INVALID", "INSUFFICIENT_DATA", "ALARM", "OK") }, CodeValidation,
		one+"Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]")
	f(LogsValidation(), func(v *Validation) { v.Enum("distribution", "Random", "Random", "ByLogStream") }, "", "")
	f(FirehoseValidation(), func(v *Validation) {
		v.Enum("extendedS3DestinationConfiguration.compressionFormat", "SNAPPY", "ZIP", "HADOOP_SNAPPY", "Snappy", "GZIP", "UNCOMPRESSED")
	}, CodeValidation, one+"Value at 'extendedS3DestinationConfiguration.compressionFormat' failed to satisfy constraint: Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]")
	f(FirehoseValidation(), func(v *Validation) { v.NotNull("extendedS3DestinationConfiguration.bucketARN", false) }, CodeValidation,
		one+"Value at 'extendedS3DestinationConfiguration.bucketARN' failed to satisfy constraint: Member must not be null")
	f(LogsValidation(), func(v *Validation) { v.NotNull("logGroupName", false); v.NotNull("logStreamName", true) }, CodeInvalidParameter,
		one+"Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	f(LogsValidation(), func(v *Validation) {
		v.Pattern("logGroupName", "a b", PatternLogGroupName, ValidLogGroupName("a b"))
	}, CodeInvalidParameter, one+`Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	f(KinesisValidation(), func(v *Validation) { v.Range("limit", 0, 1, 5); v.Length("streamName", "abc", 1, 2) }, CodeValidation,
		"2 validation errors detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1; Value 'abc' at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 2")
	f(LogsValidation(), func(v *Validation) {
		v.MapKeys("tags", "{=x}", "Member must have length less than or equal to 128", "Member must have length greater than or equal to 1")
	}, CodeInvalidParameter, one+"Value '{=x}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]")
	f(LogsValidation(), func(v *Validation) { v.MapValues("tags", "{k=}", "c") }, CodeInvalidParameter,
		one+"Value '{k=}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [c]")
	f(LogsValidation(), func(v *Validation) { v.Elements("names", "[a:b]", "c") }, CodeInvalidParameter,
		one+"Value '[a:b]' at 'names' failed to satisfy constraint: Member must satisfy constraint: [c]")
}

func TestNameChecks(t *testing.T) {
	f := func(check func(*Validation, string, string), name, want string) {
		t.Helper()
		v := LogsValidation()
		check(v, "member", name)
		got := ""
		if err := v.Err(); err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, want) || want == "" && got != "" {
			t.Errorf("%.20q: got %s, want %s", name, got, want)
		}
	}
	long := strings.Repeat("X", 513)
	group, stream, filter := (*Validation).LogGroupName, (*Validation).LogStreamName, (*Validation).FilterName
	f(group, "/shop/web", "")
	f(group, "", "Value null at 'member' failed to satisfy constraint: Member must not be null")
	f(group, "a b", `Value 'a b' at 'member' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	f(group, long, ErrNameTooLong.Error())
	f(group, long[1:], "")
	f(stream, "a b/ä", "")
	f(stream, "a:b", "pattern: [^:*]*")
	f(stream, long, ErrNameTooLong.Error())
	f(filter, "errors", "")
	f(filter, long, "Value '"+long+"' at 'member' failed to satisfy constraint: Member must have length less than or equal to 512")
}

func TestErrorsCompareByContent(t *testing.T) {
	f := func(err, target error, want bool) {
		t.Helper()
		if errors.Is(err, target) != want {
			t.Errorf("%v is %v: want %v", err, target, want)
		}
	}
	f(fmt.Errorf("put filter: %w", ErrLogGroupNotFound), ErrLogGroupNotFound, true)
	f(ResourceNotFound("The specified log group does not exist."), ErrLogGroupNotFound, true)
	f(ErrLogStreamNotFound, ErrLogGroupNotFound, false)
	f(errors.New("ResourceNotFoundException"), ErrLogGroupNotFound, false)
	if got := InvalidParameter("100% of %s").Message; got != "100% of %s" {
		t.Errorf("a text without arguments was formatted: %s", got)
	}
	if got := CodeOf(fmt.Errorf("wrapped: %w", ErrThrottled)); got != CodeThrottling {
		t.Errorf("code %q", got)
	}
	if got := CodeOf(errors.New("other")); got != "" {
		t.Errorf("code %q of no AWS error", got)
	}
}

// TestRecordedTexts: every sentinel with a recorded text has it letter by
// letter, together with its code.
func TestRecordedTexts(t *testing.T) {
	recorded := recordedErrors(t)
	for _, e := range []*Error{
		ErrLogGroupNotFound, ErrLogStreamNotFound, ErrSubscriptionFilterNotFound, ErrExportTaskNotFound,
		ErrLogGroupExists, ErrLogStreamExists, ErrInvalidNextToken, ErrLimitExceeded, ErrNameTooLong,
		ErrGroupNameAndARN, ErrGroupPrefixAndPattern, ErrNotChronological, ErrBucketNotFound, ErrCrossAccountLambda,
		DestinationWithoutRole("kinesis"),
	} {
		if !recorded[e.Error()] {
			t.Errorf("%v was not recorded with this code and text", e)
		}
	}
}

func recordedErrors(t *testing.T) map[string]bool {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(sharedFolder(t), "oracles", "aws-recorded", "*.json"))
	if len(files) == 0 {
		t.Skipf("no recordings in %s", sharedFolder(t))
	}
	found := make(map[string]bool)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(content, &tree); err != nil {
			t.Fatal(err)
		}
		collectErrors(tree, found)
	}
	return found
}

func collectErrors(tree any, found map[string]bool) {
	switch node := tree.(type) {
	case map[string]any:
		code, _ := node["Code"].(string)
		if message, ok := node["Message"].(string); ok && code != "" {
			found[code+": "+message] = true
		}
		for _, child := range node {
			collectErrors(child, found)
		}
	case []any:
		for _, child := range node {
			collectErrors(child, found)
		}
	}
}

// sharedFolder is "shared" beside the project root, or SLUICE_SHARED.
func sharedFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SLUICE_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above this folder")
		}
		dir = up
	}
	shared := filepath.Join(filepath.Dir(dir), "shared")
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("%s is missing", shared)
	}
	return shared
}

func TestNewRefuses(t *testing.T) {
	op := toys()[0]
	f := func(cfg Config, want string, ops ...Operation) {
		t.Helper()
		if _, err := New(cfg, ops...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(Config{AccountID: "1234"}, "twelve digits")
	f(Config{Region: "../x"}, "region")
	f(Config{}, "given twice", op, op)
	f(Config{}, "handler are needed", Operation{Service: "logs", Target: "x"})
	f(Config{Credentials: []Credential{{AccessKey: "a"}}}, "secret key")
	f(Config{Credentials: []Credential{{AccessKey: "a", SecretKey: "b", Account: "1"}}}, "twelve digits")
	f(Config{Credentials: []Credential{{AccessKey: "a", SecretKey: "b"}, {AccessKey: "a", SecretKey: "c"}}}, "given twice")
}
