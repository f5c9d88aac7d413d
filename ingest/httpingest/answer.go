package httpingest

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/store"
)

// appendAnswer appends the answer in JSON: {} or a partialSuccess.
func appendAnswer(dst []byte, r store.Rejected) []byte {
	if r.Sum() == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, `{"partialSuccess":{"rejectedLogRecords":`...)
	dst = strconv.AppendUint(dst, r.Sum(), 10)
	dst = append(dst, `,"errorMessage":`...)
	dst, _ = jsontext.AppendQuote(dst, appendReasons(nil, r))
	return append(dst, "}}"...)
}

// appendReasons appends how many events were refused for what, in AWS's words:
// JSON within a text. The last two AWS has no word for; they are named only if
// there are such events.
func appendReasons(dst []byte, r store.Rejected) []byte {
	lead := `{"`
	reason := func(name string, n uint64) {
		dst = append(append(append(dst, lead...), name...), `": `...)
		dst = strconv.AppendUint(dst, n, 10)
		lead = `, "`
	}
	reason("tooOldLogEventCount", r.TooOld)
	reason("tooNewLogEventCount", r.TooNew)
	reason("expiredLogEventCount", r.Expired)
	if r.TooLarge > 0 {
		reason("tooLargeLogEventCount", r.TooLarge)
	}
	if r.Invalid > 0 {
		reason("invalidLogEventCount", r.Invalid)
	}
	return append(dst, '}')
}
