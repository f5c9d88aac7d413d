package firehose

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
)

// note is what the owner of a part leaves to the next one beside the place: the
// last manifest, which has all else, and the open plan. As text it is "sluice:" and
// the base64 of
//
//	 0     1       2    4               12         20               52
//	+-----+-------+----+---------------+----------+----------------+
//	| ver | flags | 0  | position of   | number   | sha256 of its  |
//	| 1   |       |    | the lane      | of cuts  | manifest       |
//	+-----+-------+----+---------------+----------+----------------+
//	+------------------------+-----------------------------------------+
//	| bucket of the manifest | flag 1: the plan, as in a Plan frame,   |
//	| u16 and text           | deflated; flag 2: sha256 of the plan,   |
//	|                        | which is an object (intentKey)          |
//	+------------------------+-----------------------------------------+
type note struct {
	position uint64
	cuts     uint64
	manifest [hashSize]byte
	bucket   string
	plan     *plan // nil, too, where it is an object
	intent   *[hashSize]byte
}

const (
	noteMark    = "sluice:"
	noteVersion = 1
	noteHead    = 4 + 8 + 8 + hashSize

	flagPlan   = 1
	flagIntent = 2

	maxIntent = 64 << 20
)

var errNote = errors.New("note of another program or version")

func (n *note) text() (string, error) {
	b := []byte{noteVersion, 0, 0, 0}
	b = le.AppendUint64(le.AppendUint64(b, n.position), n.cuts)
	b = appendText(append(b, n.manifest[:]...), n.bucket)
	switch {
	case n.intent != nil:
		b[1] = flagIntent
		b = append(b, n.intent[:]...)
	case n.plan != nil:
		b[1] = flagPlan
		packed, err := deflate(n.plan.append(nil))
		if err != nil {
			return "", err
		}
		b = append(b, packed...)
	}
	return noteMark + base64.RawStdEncoding.EncodeToString(b), nil
}

func openNote(text string) (*note, error) {
	packed, ok := strings.CutPrefix(text, noteMark)
	b, err := base64.RawStdEncoding.DecodeString(packed)
	if !ok || err != nil || len(b) < noteHead || b[0] != noteVersion {
		return nil, errNote
	}
	n := &note{position: le.Uint64(b[4:]), cuts: le.Uint64(b[12:])}
	copy(n.manifest[:], b[20:])
	var rest []byte
	if n.bucket, rest, ok = cutText(b[noteHead:]); !ok {
		return nil, errNote
	}
	switch b[1] {
	case 0:
		ok = len(rest) == 0
	case flagPlan:
		n.plan, err = inflatePlan(rest)
	case flagIntent:
		n.intent = new([hashSize]byte)
		ok = copy(n.intent[:], rest) == len(rest) && len(rest) == hashSize
	default:
		ok = false
	}
	if !ok || err != nil {
		return nil, errNote
	}
	return n, nil
}

func deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(b); err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

func inflatePlan(packed []byte) (*plan, error) {
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxPlanBytes))
	if err != nil {
		return nil, err
	}
	return openPlan(b)
}

// intentKey is where a plan lies that is too long for a note. Its name says what
// is in it: whoever finds it there wrote the same.
func intentKey(chain, lane string, cut uint64, sum [hashSize]byte) string {
	return fmt.Sprintf("%sintent/%s/%s/%020d-%s", reserved, chain, lane, cut, hex.EncodeToString(sum[:8]))
}

func planSum(p *plan) (body []byte, sum [hashSize]byte) {
	body = p.append(nil)
	return body, sha256.Sum256(body)
}
