package putlogevents

import (
	"strconv"
	"unicode/utf8"
)

// Event is one InputLogEvent.
type Event struct {
	Timestamp int64 // ms
	Message   []byte
}

// AppendRequest appends the body that the AWS SDK for Go would send: compact,
// members in alphabetical order, the events first. Invalid UTF-8 in a message
// becomes U+FFFD.
func AppendRequest(dst []byte, logGroup, logStream string, events ...Event) []byte {
	dst = append(dst, `{"logEvents":[`...)
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"message":`...), e.Message)
		dst = strconv.AppendInt(append(dst, `,"timestamp":`...), e.Timestamp, 10)
		dst = append(dst, '}')
	}
	dst = appendString(append(dst, `],"logGroupName":`...), logGroup)
	dst = appendString(append(dst, `,"logStreamName":`...), logStream)
	return append(dst, '}')
}

// appendString appends text as a JSON string. It escapes what the SDK escapes:
// quotes, backslashes, control characters, delete and the separators U+2028 and
// U+2029.
func appendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
				dst = appendEscape(append(dst, text[start:i]...), c)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, text[start:i]...), "\uFFFD"...)
			start = i + size
		case r == '\u2028', r == '\u2029':
			dst = append(append(dst, text[start:i]...), `\u202`...)
			dst = append(dst, '8'+byte(r-'\u2028'))
			start = i + size
		}
		i += size
	}
	return append(append(dst, text[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
