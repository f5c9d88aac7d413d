package firehose

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"sluice/firehose/prefix"
	"sluice/internal/format"
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
	return uuidOf(append(b, partition...))
}

// uuidOf is the version 5 UUID of a name in its space.
func uuidOf(name []byte) string {
	u := sha1.Sum(name)
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	h := hex.EncodeToString(u[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// outsideUUID is that of a part of a source outside. Processes that share one know
// the delivery stream by its ARN alone: a route is of one data folder.
func outsideUUID(arn, part, partition string, first uint64) string {
	b := append([]byte{}, uuidSpace[:]...)
	b = appendText(appendText(append(b, "outside"...), arn), part)
	b = le.AppendUint64(b, first)
	return uuidOf(append(b, partition...))
}

const (
	maxKey = 1024 // bytes of a key in S3
	// reserved is the folder of manifests and metadata at the root of a bucket.
	reserved = "_sluice/"

	processingFailed = "processing-failed" // an error-output-type
)

// lastResort is an ErrorOutputPrefix that always fits.
var lastResort, _ = prefix.New("", "", prefix.Features{})

// key names an object whose oldest record arrived at an instant. Where Prefix
// comes out longer than a key may be, or among our own files, the object goes
// under ErrorOutputPrefix, as the service does with records whose prefix it
// cannot evaluate.
func (c *settings) key(name string, oldest time.Time, uuid string) string {
	return c.evaluate(name, prefix.Values{Instant: oldest.In(c.zone), Identity: uuid, ErrorType: processingFailed}, c.extension(),
		c.prefixes.Prefix, c.prefixes.ErrorOutputPrefix, lastResort.ErrorOutputPrefix)
}

// partKey names the object of a part of a partitioned cut.
func (c *settings) partKey(name string, p *part, uuid string) string {
	at := time.UnixMilli(p.instant)
	switch p.class() {
	case classDropped:
		return ""
	case classError:
		return c.errorKey(name, errorType(p.name), at, uuid)
	case classBackup:
		return c.backup.key(name, at, uuid)
	}
	v := prefix.Values{Instant: at.In(c.zone), Identity: uuid, ErrorType: processingFailed, Query: c.partitionValues(p.name)}
	return c.evaluate(name, v, c.extension(), c.prefixes.Prefix, c.prefixes.ErrorOutputPrefix, lastResort.ErrorOutputPrefix)
}

// errorKey names an object of error records. They are not compressed, and so have
// no extension.
func (c *settings) errorKey(name, errorType string, at time.Time, uuid string) string {
	return c.evaluate(name, prefix.Values{Instant: at.In(c.zone), Identity: uuid, ErrorType: errorType}, "",
		c.prefixes.ErrorOutputPrefix, lastResort.ErrorOutputPrefix)
}

// evaluate is the key under the first template that gives one.
func (c *settings) evaluate(name string, v prefix.Values, extension string, templates ...*prefix.Template) (key string) {
	for _, t := range templates {
		start, err := t.Append(nil, v)
		if err != nil {
			continue
		}
		key = string(appendSuffix(start, name, c.version(), v.Instant, v.Identity, extension))
		if len(key) <= maxKey && !underReserved(key) {
			return key
		}
	}
	return key
}

// appendSuffix appends what follows the evaluated prefix.
func appendSuffix(b []byte, name string, version int, oldest time.Time, uuid, extension string) []byte {
	b = append(append(b, name...), '-')
	b = strconv.AppendInt(b, int64(version), 10)
	b = oldest.AppendFormat(b, "-2006-01-02-15-04-05-")
	return append(append(b, uuid...), extension...)
}

func (c *settings) extension() string {
	if c.config.FileExtension != "" {
		return c.config.FileExtension
	}
	switch c.config.objectFormat() {
	case formatNDJSON:
		return ".ndjson" + c.codec.Extension
	case formatParquet:
		return format.ParquetExtension
	}
	return c.codec.Extension
}

// underReserved tells whether a key lies where only we write; slashes at its
// start make no difference in a folder.
func underReserved(key string) bool {
	return strings.HasPrefix(strings.TrimLeft(key, "/"), reserved)
}
