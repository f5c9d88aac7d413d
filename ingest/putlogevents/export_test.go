package putlogevents

import (
	"sluice/internal/event"
	"sluice/internal/jsonstop"
)

// DecodeCarefully is the decoder that decides when the scanner declines.
func DecodeCarefully(body []byte, b *event.Builder, req *Request) error {
	b.Reset()
	req.reset()
	return decodeCarefully(body, b, req)
}

// Scan is the scanner alone.
func Scan(body []byte, b *event.Builder, req *Request) bool {
	b.Reset()
	req.reset()
	return scan(body, b, req)
}

// Millis is the word-wise reader of timestamps.
var Millis = millis

// Unescape unescapes the string at i of src.
func Unescape(dst, src []byte, i int) (n, next int) {
	stops := make([]byte, jsonstop.Bytes(len(src)))
	jsonstop.Mark(stops, src)
	return unescape(dst, src, stops, i)
}
