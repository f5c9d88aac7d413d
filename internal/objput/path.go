package objput

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

const (
	maxKey     = 1024 // bytes, S3's limit
	maxSegment = 250  // a metadata file's name has five bytes more
	cutSegment = 200
	metaFolder = "_sluice/meta"
	tempFolder = "_sluice/tmp"
)

// relative is the path of a key in its bucket.
func relative(key string) (string, error) {
	if len(key) > maxKey {
		return "", fmt.Errorf("%w: key of %d bytes, at most %d fit", ErrRefused, len(key), maxKey)
	}
	var parts []string
	for s := range strings.SplitSeq(key, "/") {
		if s != "" {
			parts = append(parts, segment(s))
		}
	}
	p := strings.Join(parts, "/")
	if p == "" {
		return "", fmt.Errorf("%w: key %q names no file", ErrRefused, key)
	}
	if within(p, metaFolder) || within(p, tempFolder) {
		return "", fmt.Errorf("%w: key %q lies in a folder of sluice's own", ErrRefused, key)
	}
	return p, nil
}

func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// segment is one part of a key, or a bucket, as a file name.
func segment(s string) string {
	switch s {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	s = strings.ReplaceAll(s, "\x00", "%00")
	if len(s) <= maxSegment {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	cut := cutSegment
	for cut > cutSegment-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "%" + hex.EncodeToString(sum[:16])
}

// paths says where a key's files lie.
type paths struct{ bucket, object, meta string }

func (f *Folder) paths(bucket, key string) (paths, error) {
	if bucket == "" || strings.Contains(bucket, "/") {
		return paths{}, fmt.Errorf("%w: bucket %q", ErrRefused, bucket)
	}
	rel, err := relative(key)
	if err != nil {
		return paths{}, err
	}
	b := path.Join(f.root, segment(bucket))
	return paths{bucket: b, object: path.Join(b, rel), meta: path.Join(b, metaFolder, rel+".json")}, nil
}
