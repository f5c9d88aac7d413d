package logsapi

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/crc32c"
)

// The nextToken of lists is base64 of
//
//	+---------+-------------+-------------------+
//	| crc32c  | issued ms   | after: a name,    |
//	| (4)     | (8)         | or what one needs |
//	+---------+-------------+-------------------+
//
// The crc32c begins with the operation's name, so that no list takes the token
// of another. It keeps mistakes out, not attackers: a token only says where to
// go on.

// tokenLife is how long AWS promises that a nextToken works.
const tokenLife = 24 * time.Hour

const tokenHeader = 4 + 8

// NextToken returns the nextToken of a list that goes on behind after; nil when
// there is no more, since an empty token would make clients loop.
func NextToken(operation, after string, now time.Time, more bool) *string {
	if !more {
		return nil
	}
	raw := make([]byte, tokenHeader, tokenHeader+len(after))
	binary.BigEndian.PutUint64(raw[4:], uint64(now.UnixMilli()))
	raw = append(raw, after...)
	binary.BigEndian.PutUint32(raw, tokenSum(operation, raw))
	text := base64.RawURLEncoding.EncodeToString(raw)
	return &text
}

// ParseNextToken returns where a list goes on; "" for its beginning. A token that
// is not the operation's own, or older than a day, is ErrInvalidNextToken.
func ParseNextToken(operation string, token *string, now time.Time) (after string, err error) {
	if token == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(raw) <= tokenHeader || binary.BigEndian.Uint32(raw) != tokenSum(operation, raw) {
		return "", awsapi.ErrInvalidNextToken
	}
	issued := time.UnixMilli(int64(binary.BigEndian.Uint64(raw[4:])))
	if now.Sub(issued) > tokenLife {
		return "", awsapi.ErrInvalidNextToken
	}
	return string(raw[tokenHeader:]), nil
}

func tokenSum(operation string, raw []byte) uint32 {
	return crc32c.Update(crc32c.Sum([]byte(operation)), raw[4:])
}
