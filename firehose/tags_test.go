package firehose_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/firehose"
)

func TestTags(t *testing.T) {
	w := newWorld(t, config{})
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"lake","ExtendedS3DestinationConfiguration":{`+roleAndBucket+`},"Tags":[{"Key":"subject","Value":"taboo"}]}`)
	list := func(body, want string) {
		t.Helper()
		if got := w.must("ListTagsForDeliveryStream", `{"DeliveryStreamName":"lake"`+body+`}`); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	change := func(operation, body string) {
		t.Helper()
		if got := w.must(operation, `{"DeliveryStreamName":"lake",`+body+`}`); got != "{}" {
			t.Error(operation, got)
		}
	}
	list(``, `{"Tags":[{"Key":"subject","Value":"taboo"}],"HasMoreTags":false}`)
	change("UntagDeliveryStream", `"TagKeys":["subject","never had"]`)
	list(``, `{"Tags":[],"HasMoreTags":false}`)
	change("TagDeliveryStream", `"Tags":[{"Key":"feeling","Value":"fine"},{"Key":"z"},{"Key":"a","Value":"1"}]`)
	change("TagDeliveryStream", `"Tags":[{"Key":"feeling","Value":"uncomfortable"}]`)
	list(``, `{"Tags":[{"Key":"a","Value":"1"},{"Key":"feeling","Value":"uncomfortable"},{"Key":"z","Value":""}],"HasMoreTags":false}`)
	list(`,"Limit":1`, `{"Tags":[{"Key":"a","Value":"1"}],"HasMoreTags":true}`)
	list(`,"Limit":2,"ExclusiveStartTagKey":"a"`, `{"Tags":[{"Key":"feeling","Value":"uncomfortable"},{"Key":"z","Value":""}],"HasMoreTags":false}`)
	list(`,"ExclusiveStartTagKey":"zz"`, `{"Tags":[],"HasMoreTags":false}`)
	if v := w.describe(); v.VersionId != "1" || v.LastUpdateTimestamp != nil {
		t.Errorf("%+v", v)
	}
}

func TestTagRefusals(t *testing.T) {
	w := newWorld(t, config{})
	w.create("")
	many := func(n int, from string) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"Key":"%s%d"}`, from, i))
		}
		return `{"DeliveryStreamName":"lake","Tags":[` + strings.Join(list, ",") + `]}`
	}
	const at = "ValidationException: 1 validation error detected: Value at '"
	f := func(operation, body, want string) { t.Helper(); w.refused(operation, body, want) }
	for operation, members := range map[string]string{
		"TagDeliveryStream": `,"Tags":[{"Key":"k"}]`, "UntagDeliveryStream": `,"TagKeys":["k"]`, "ListTagsForDeliveryStream": ``,
	} {
		f(operation, `{"DeliveryStreamName":"none"`+members+`}`, "ResourceNotFoundException: Firehose none under account 000000000000 not found.")
	}
	f("TagDeliveryStream", `{"DeliveryStreamName":"lake"}`, at+"tags' failed to satisfy constraint: Member must not be null")
	f("TagDeliveryStream", many(0, ""), at+"tags' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f("TagDeliveryStream", many(51, "k"), at+"tags' failed to satisfy constraint: Member must have length less than or equal to 50")
	f("TagDeliveryStream", `{"DeliveryStreamName":"lake","Tags":[{"Key":"k","Value":"#"}]}`, at+`tags.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`)
	f("UntagDeliveryStream", `{"DeliveryStreamName":"lake"}`, at+"tagKeys' failed to satisfy constraint: Member must not be null")
	f("UntagDeliveryStream", `{"DeliveryStreamName":"lake","TagKeys":["k",""]}`, at+"tagKeys.2.member' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f("ListTagsForDeliveryStream", `{"DeliveryStreamName":"lake","Limit":51}`, at+"limit' failed to satisfy constraint: Member must have value less than or equal to 50")
	f("ListTagsForDeliveryStream", `{"DeliveryStreamName":"lake","ExclusiveStartTagKey":"aws:x"}`, at+`exclusiveStartTagKey' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`)
	w.must("TagDeliveryStream", many(50, "k"))
	w.must("TagDeliveryStream", many(50, "k")) // the same keys
	f("TagDeliveryStream", many(1, "l"), "LimitExceededException: A delivery stream cannot have more than 50 tags.")
}

// TestRecordedTags replays what AWS answered.
func TestRecordedTags(t *testing.T) {
	recorded, err := os.ReadFile(filepath.Join(shared(t), "oracles", "aws-recorded", "firehose.json"))
	if err != nil {
		t.Skip(err)
	}
	var tests map[string]struct {
		Content map[string]map[string]any `json:"recorded-content"`
	}
	if err := json.Unmarshal(recorded, &tests); err != nil {
		t.Fatal(err)
	}
	answers := tests["tests/aws/services/firehose/test_firehose.py::TestFirehoseResourceTagging::test_resource_tagging"].Content
	w := newWorld(t, config{})
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"lake","ExtendedS3DestinationConfiguration":{`+roleAndBucket+`},"Tags":[{"Key":"subject","Value":"taboo"}]}`)
	f := func(step, operation, members string) {
		t.Helper()
		want := answers[step]
		if want == nil {
			t.Fatal("no answer recorded for", step)
		}
		delete(want, "ResponseMetadata")
		got := map[string]any{}
		if err := json.Unmarshal([]byte(w.must(operation, `{"DeliveryStreamName":"lake"`+members+`}`)), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", step, d)
		}
	}
	f("list-tags-1", "ListTagsForDeliveryStream", ``)
	f("remove-tags", "UntagDeliveryStream", `,"TagKeys":["subject"]`)
	f("list-tags-2", "ListTagsForDeliveryStream", ``)
	f("add-tags", "TagDeliveryStream", `,"Tags":[{"Key":"feeling","Value":"uncomfortable"}]`)
	f("list-tags-3", "ListTagsForDeliveryStream", ``)
}

// shared finds the folder of oracles beside the project.
func shared(t *testing.T) string {
	dir := os.Getenv("SLUICE_SHARED")
	if dir == "" {
		var err error
		if dir, err = filepath.Abs("../../shared"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no folder ", dir)
	}
	return dir
}

func TestEncryptionStates(t *testing.T) {
	w := newWorld(t, config{room: firehose.Config{CreatingFor: 10 * time.Second}})
	w.create("")
	w.refused("StartDeliveryStreamEncryption", `{"DeliveryStreamName":"lake"}`, "ResourceInUseException: Firehose lake under accountId 000000000000 is CREATING and cannot be changed now.")
	w.advance(10 * time.Second)
	state := func(want map[string]string) {
		t.Helper()
		d := w.describe()
		if diff := cmp.Diff(want, d.DeliveryStreamEncryptionConfiguration); diff != "" || d.VersionId != "1" {
			t.Error(d.VersionId, diff)
		}
	}
	call := func(operation, key string) {
		t.Helper()
		if got := w.must(operation, `{"DeliveryStreamName":"lake"`+key+`}`); got != "{}" {
			t.Error(got)
		}
	}
	state(map[string]string{"Status": "DISABLED"})
	call("StopDeliveryStreamEncryption", "")
	state(map[string]string{"Status": "DISABLED"})
	call("StartDeliveryStreamEncryption", "")
	state(map[string]string{"Status": "ENABLING", "KeyType": "AWS_OWNED_CMK"})
	w.advance(10 * time.Second)
	state(map[string]string{"Status": "ENABLED", "KeyType": "AWS_OWNED_CMK"})
	call("StartDeliveryStreamEncryption", `,"DeliveryStreamEncryptionConfigurationInput":{"KeyType":"CUSTOMER_MANAGED_CMK","KeyARN":"`+keyHere+`"}`)
	w.advance(10 * time.Second)
	state(map[string]string{"Status": "ENABLED", "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": keyHere})

	// VersionId is that of the destination, also for the next update.
	w.must("UpdateDestination", updating(1, extended(`"Prefix":"p/"`)))
	if d := w.describe(); d.VersionId != "2" || d.DeliveryStreamEncryptionConfiguration["Status"] != "ENABLED" {
		t.Errorf("%+v", d)
	}
	call("StopDeliveryStreamEncryption", "")
	if d := w.describe(); d.VersionId != "2" || d.DeliveryStreamEncryptionConfiguration["Status"] != "DISABLING" {
		t.Errorf("%+v", d)
	}
	w.advance(10 * time.Second)
	if d := w.describe(); d.DeliveryStreamEncryptionConfiguration["Status"] != "DISABLED" {
		t.Errorf("%+v", d)
	}
	for _, operation := range []string{"StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption"} {
		w.refused(operation, `{"DeliveryStreamName":"none"}`, "ResourceNotFoundException: Firehose none under account 000000000000 not found.")
	}
	w.refused("StartDeliveryStreamEncryption", `{"DeliveryStreamName":"lake","DeliveryStreamEncryptionConfigurationInput":{"KeyType":"CUSTOMER_MANAGED_CMK"}}`,
		"InvalidArgumentException: KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
}

// TestPutsSayEncrypted: as long as the stream is described so.
func TestPutsSayEncrypted(t *testing.T) {
	w := newWorld(t, config{})
	w.create("")
	f := func(want string) {
		t.Helper()
		for operation, members := range map[string]string{"PutRecord": `"Record":{"Data":"YQ=="}`, "PutRecordBatch": `"Records":[{"Data":"YQ=="}]`} {
			if out := w.must(operation, `{"DeliveryStreamName":"lake",`+members+`}`); !strings.Contains(out, `"Encrypted":`+want) {
				t.Errorf("%s: %s, want %s", operation, out, want)
			}
		}
	}
	f("false")
	w.must("StartDeliveryStreamEncryption", `{"DeliveryStreamName":"lake"}`)
	f("true")
	w.must("StopDeliveryStreamEncryption", `{"DeliveryStreamName":"lake"}`)
	f("false")
}

func TestCreateEncrypted(t *testing.T) {
	w := newWorld(t, config{})
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"lake","ExtendedS3DestinationConfiguration":{`+roleAndBucket+`},"DeliveryStreamEncryptionConfigurationInput":{"KeyType":"AWS_OWNED_CMK"}}`)
	want := map[string]string{"Status": "ENABLED", "KeyType": "AWS_OWNED_CMK"}
	if d := cmp.Diff(want, w.describe().DeliveryStreamEncryptionConfiguration); d != "" {
		t.Error(d)
	}
}
