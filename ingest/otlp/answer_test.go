package otlp_test

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/ingest/otlp"
)

// fields lists the fields of a message, numbers as bits.
func fields(t *testing.T, b []byte) map[protowire.Number]any {
	t.Helper()
	out := map[protowire.Number]any{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			out[number], n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			var s string
			s, n = protowire.ConsumeString(b)
			out[number] = s
		default:
			t.Fatal(kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
	}
	return out
}

func TestAnswers(t *testing.T) {
	partial := fields(t, otlp.AppendResponse(nil, 5, []byte("why")))[1].(string)
	if got := fields(t, []byte(partial)); got[1] != uint64(5) || got[2] != "why" || len(got) != 2 {
		t.Errorf("partial success %v", got)
	}
	f := func(status int, code uint64) {
		t.Helper()
		if got := fields(t, otlp.AppendStatus(nil, status, "text")); got[1] != code || got[2] != "text" {
			t.Errorf("%d: %v", status, got)
		}
	}
	f(http.StatusBadRequest, 3)
	f(http.StatusUnauthorized, 16)
	f(http.StatusForbidden, 7)
	f(http.StatusRequestTimeout, 4)
	f(http.StatusMethodNotAllowed, 12)
	f(http.StatusRequestEntityTooLarge, 8)
	f(http.StatusUnsupportedMediaType, 3)
	f(http.StatusTooManyRequests, 8)
	f(http.StatusInternalServerError, 13)
	f(http.StatusServiceUnavailable, 14)
	if got := string(otlp.AppendStatusJSON(nil, 400, `a "quoted" text`)); got != `{"code":3,"message":"a \"quoted\" text"}` {
		t.Error(got)
	}
}
