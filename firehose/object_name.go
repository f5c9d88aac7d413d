package firehose

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"time"
)

// uuidSpace is the namespace of object names. It never changes: names must come
// out the same for ever.
var uuidSpace = [16]byte{0x8f, 0x5d, 0x1c, 0x0a, 0x6b, 0x3e, 0x5c, 0x1d, 0x9a, 0x77, 0x51, 0x0c, 0x5e, 0x2f, 0x4b, 0x90}

// objectUUID names the object of one partition that starts at a position.
func objectUUID(route uint64, shard uint32, partition string, first uint64) string {
	b := append([]byte{}, uuidSpace[:]...)
	b = le.AppendUint64(b, route)
	b = le.AppendUint32(b, shard)
	b = le.AppendUint64(b, first)
	b = append(b, partition...)
	u := sha1.Sum(b)
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	h := hex.EncodeToString(u[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// timePrefix is what Firehose appends to a Prefix without expressions, with no
// slash between.
const timePrefix = "2006/01/02/15/"

// objectKey is the key of an object whose oldest record arrived at an instant.
func objectKey(prefix, name string, version int, oldest time.Time, uuid, extension string) string {
	oldest = oldest.UTC()
	b := append([]byte(prefix), oldest.Format(timePrefix)...)
	b = append(append(b, name...), '-')
	b = strconv.AppendInt(b, int64(version), 10)
	b = oldest.AppendFormat(b, "-2006-01-02-15-04-05-")
	return string(append(append(b, uuid...), extension...))
}
