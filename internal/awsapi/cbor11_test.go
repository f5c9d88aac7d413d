package awsapi

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type cbor11Input struct {
	StreamName string
	Data       []byte
}

type cbor11Output struct{ SequenceNumber string }

// ownAnswer writes itself.
type ownAnswer struct{}

func (ownAnswer) AppendJSON(dst []byte) []byte { return append(dst, `{"Own":"json"}`...) }
func (ownAnswer) AppendCBOR(dst []byte) []byte { return append(dst, "\xa1cOwndcbor"...) }

func TestCBOR11(t *testing.T) {
	var got cbor11Input
	addr := serve(t, Config{}, ListenConfig{},
		Multi(Kinesis, "PutRecord", func(_ context.Context, c Caller, in *cbor11Input) (*cbor11Output, error) {
			got = *in
			if in.StreamName == "gone" {
				return nil, StreamNotFound(c, in.StreamName)
			}
			return &cbor11Output{"49"}, nil
		}),
		Multi(Kinesis, "GetRecords", func(context.Context, Caller, *struct{}) (*ownAnswer, error) { return &ownAnswer{}, nil }),
		JSON("logs", "Logs_20140328.CreateLogGroup", func(context.Context, Caller, *struct{}) (*struct{}, error) { return nil, nil }),
	)
	f := func(contentType, target string, in any, status int, want map[string]any) {
		t.Helper()
		body, err := cbor.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Amz-Target", target)
		answer, err := client(t, &http.Transport{}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var out map[string]any
		if err := cbor.NewDecoder(answer.Body).Decode(&out); err != nil {
			t.Error("decode:", err)
		}
		if answer.StatusCode != status || answer.Header.Get("Content-Type") != contentTypeCBOR11 || answer.Header.Get("Smithy-Protocol") != "" {
			t.Errorf("%s: %d %v", target, answer.StatusCode, answer.Header)
		}
		for name, value := range want {
			if out[name] != value {
				t.Errorf("%s: %s is %v, want %v", target, name, out[name], value)
			}
		}
	}
	in := map[string]any{"StreamName": "s", "Data": []byte{0, 255}, "Unknown": 1}
	f(contentTypeCBOR11, "Kinesis_20131202.PutRecord", in, 200, map[string]any{"SequenceNumber": "49"})
	if got.StreamName != "s" || !bytes.Equal(got.Data, []byte{0, 255}) {
		t.Error("received", got)
	}
	f(contentTypeCBOR11+"; x=y", "Kinesis_20131202.GetRecords", in, 200, map[string]any{"Own": "cbor"})
	f(contentTypeCBOR11, "Kinesis_20131202.PutRecord", map[string]any{"StreamName": "gone"}, 400, map[string]any{
		"__type": "ResourceNotFoundException", "message": "Stream gone under account 000000000000 not found.",
	})
	f(contentTypeCBOR11, "Kinesis_20131202.SplitShard", in, 400, map[string]any{"__type": CodeUnknownOperation})
	f(contentTypeCBOR11, "Logs_20140328.CreateLogGroup", in, 400, map[string]any{"__type": CodeUnknownOperation})
}

// TestCBORItems: a byte a structure is no way to take the process's memory.
func TestCBORItems(t *testing.T) {
	f := func(value any, want int) {
		t.Helper()
		body, err := cbor.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for moreItemsThan(got, body) {
			got++
		}
		if got != want {
			t.Errorf("%v: %d items, want %d", value, got, want)
		}
	}
	f(map[string]any{"a": []any{1, 2.5, "text", []byte("bytes"), nil, true, -1000}, "b": map[string]any{}}, 1+2+7+2)
	f([]any{"a text of more than 24 characters, so that its length is a byte", uint64(1) << 40, cbor.Tag{Number: 1, Content: 1.5}}, 1+1+1+2)
	f(make([]int, 300), 301)
	for _, broken := range []string{"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "\x1b\x00", "\x78", "\xff\xff"} {
		if moreItemsThan(5, []byte(broken)) {
			t.Errorf("%q has many items", broken)
		}
	}
	empty := append([]byte{0x9a, 0, 1, 0x86, 0xa0}, bytes.Repeat([]byte{0xa0}, 100_000)...) // a list of empty structures
	body := []byte{0xa1, 0x61, 'E', 0x88}                                                   // in a list of structures
	for range 8 {
		body = append(append(body, 0xa1, 0x61, 'D'), empty...)
	}
	var in struct {
		E []struct{ D []struct{ A, B, C string } }
	}
	if err := unmarshalCBOR(body, &in); CodeOf(err) != CodeSerialization || in.E != nil {
		t.Errorf("%v, %d lists", err, len(in.E))
	}
}
