package putlogevents

import "sluice/internal/event"

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

// Millis, Survey and Unescape are the word-wise loops.
var (
	Millis   = millis
	Survey   = survey
	Unescape = unescape
)
