// Package objputtest is the conformance suite of object stores, and what their
// tests need around it: a strict S3 inside the process (Fake) and a real one
// beside it (StartVersityGW).
//
// What enters: a way to open a store. What leaves: test failures. A Store's own
// test calls Run; the suite speaks objput's public contract alone. Nothing
// outlives the test: servers end with it, and only the gateway's binary stays,
// in the user's cache folder.
package objputtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/objput"
)

// Opened is a store under test.
type Opened struct {
	Store  objput.Store
	Bucket string // empty, and this test's alone
	Large  int64  // a size, in bytes, that the store takes apart
	Name   int    // the most bytes between two slashes of a key; 0 is no bound but the key's own
}

// Run runs the suite; every test opens its own bucket.
func Run(t *testing.T, open func(testing.TB) Opened) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Opened)
	}{
		{"an object comes back as it was put", testRoundTrip},
		{"the first object stays", testFirstStays},
		{"metadata comes back, and none is none", testMetadata},
		{"a large object comes back whole", testLarge},
		{"keys of any letters", testKeys},
		{"what is not there is not found", testNotFound},
		{"impossible keys are refused", testRefused},
		{"many putters, one winner", testRace},
		{"many putters of a large object, one winner", testLargeRace},
		{"a body that is too short makes no object", testShortBody},
		{"an ended context makes no object", testCanceled},
		{"a read need not be finished", testPartialRead},
		{"a list has every key with the prefix, once", testList},
		{"a list has pages", testListPages},
		{"a list ends when its visitor does", testListEnds},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Object is an object with metadata.
func Object(body []byte, meta map[string]string) objput.Object {
	return objput.Object{
		Body: bytes.NewReader(body), Size: int64(len(body)),
		ContentType: "application/octet-stream", Meta: meta,
	}
}

// Random is n bytes that no codec and no store makes smaller, the same each time.
func Random(n int64) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// Get reads an object whole.
func Get(t testing.TB, s objput.Store, bucket, key string) []byte {
	t.Helper()
	r, err := s.Get(context.Background(), bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var meta = map[string]string{"sluice-stream": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "sluice-xxh64": "00ff"}

func testRoundTrip(t *testing.T, o Opened) {
	f := func(key string, body []byte, contentType, encoding string) {
		t.Helper()
		err := o.Store.PutIfAbsent(t.Context(), o.Bucket, key, objput.Object{
			Body: bytes.NewReader(body), Size: int64(len(body)), ContentType: contentType, ContentEncoding: encoding, Meta: meta,
		})
		if err != nil {
			t.Errorf("%s: %v", key, err)
			return
		}
		want := objput.Attributes{Size: int64(len(body)), ContentType: contentType, ContentEncoding: encoding, Meta: meta}
		if a, err := o.Store.Head(t.Context(), o.Bucket, key); err != nil || !cmp.Equal(a, want) {
			t.Errorf("%s: %v %s", key, err, cmp.Diff(want, a))
		}
		if got := Get(t, o.Store, o.Bucket, key); !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes came back, other than the %d put", key, len(got), len(body))
		}
	}
	f("text", []byte("one\ntwo\n"), "text/plain", "")
	f("json", []byte("{}"), "application/json", "")
	f("empty", nil, "application/octet-stream", "")
	// An HTTP client that inflates this on the way would break every hash.
	f("gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcaH\xcd\xc9\xc9\x07\x04\x00\x00\xff\xff\x86\xa6\x106\x05\x00\x00\x00"), "application/octet-stream", "gzip")
	f("zstd", Random(4096), "application/octet-stream", "zstd")
}

func testFirstStays(t *testing.T, o Opened) {
	for _, body := range [][]byte{[]byte("first"), []byte("first"), []byte("second"), Random(o.Large)} {
		err := o.Store.PutIfAbsent(t.Context(), o.Bucket, "k", Object(body, map[string]string{"n": string(body[:1])}))
		if (err != nil) != (err == objput.ErrExists) {
			t.Error(err)
		}
	}
	if got := Get(t, o.Store, o.Bucket, "k"); string(got) != "first" {
		t.Errorf("%.20q is there", got)
	}
	if a, err := o.Store.Head(t.Context(), o.Bucket, "k"); err != nil || a.Meta["n"] != "f" {
		t.Error(a, err)
	}
}

func testMetadata(t *testing.T, o Opened) {
	f := func(key string, meta map[string]string) {
		t.Helper()
		if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, key, Object([]byte("x"), meta)); err != nil {
			t.Error(err)
		}
		if a, err := o.Store.Head(t.Context(), o.Bucket, key); err != nil || !cmp.Equal(a.Meta, meta) {
			t.Errorf("%s: %v %v", key, a.Meta, err)
		}
	}
	f("none", nil)
	f("some", meta)
	f("values", map[string]string{"sluice-start": "00000000000000000017", "a": "b c=d;e,f/g\"h\"", "z-z": "~"})
}

func testLarge(t *testing.T, o Opened) {
	body := Random(o.Large)
	if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, "large", Object(body, meta)); err != nil {
		t.Fatal(err)
	}
	if a, err := o.Store.Head(t.Context(), o.Bucket, "large"); err != nil || a.Size != o.Large || !cmp.Equal(a.Meta, meta) {
		t.Error(a, err)
	}
	if !bytes.Equal(Get(t, o.Store, o.Bucket, "large"), body) {
		t.Error("other bytes came back")
	}
	if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, "large", Object(body, meta)); err != objput.ErrExists {
		t.Error(err)
	}
}

func testKeys(t *testing.T, o Opened) {
	for _, key := range []string{
		"plain", "a/b/c.gz", "year=2026/month=01/x", "with space", "plus+and&equals=1?q#f", "percent%2Fsign%",
		"日志/é", "quote'\"", "tilde~star*bang!(paren)", "colon:at@semi;comma,dollar$", "_sluice/commit/lake/0/00000000000000000001.json",
		strings.Repeat("long/", 100) + "key",
	} {
		if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, key, Object([]byte(key), meta)); err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		if got := Get(t, o.Store, o.Bucket, key); string(got) != key {
			t.Errorf("%q holds %q", key, got)
		}
		if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, key, Object([]byte("other"), meta)); err != objput.ErrExists {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func testNotFound(t *testing.T, o Opened) {
	f := func(bucket, key string) {
		t.Helper()
		if a, err := o.Store.Head(t.Context(), bucket, key); !errors.Is(err, objput.ErrNotFound) {
			t.Error(bucket, key, a, err)
		}
		if _, err := o.Store.Get(t.Context(), bucket, key); !errors.Is(err, objput.ErrNotFound) {
			t.Error(bucket, key, err)
		}
	}
	f(o.Bucket, "nothing")
	f("no-such-bucket", "nothing")
	if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, "folder/file", Object(nil, nil)); err != nil {
		t.Fatal(err)
	}
	f(o.Bucket, "folder")
}

func testRefused(t *testing.T, o Opened) {
	f := func(bucket, key string) {
		t.Helper()
		if err := o.Store.PutIfAbsent(t.Context(), bucket, key, Object(nil, nil)); !errors.Is(err, objput.ErrRefused) {
			t.Errorf("%q %q: %v", bucket, key, err)
		}
	}
	f(o.Bucket, "")
	f(o.Bucket, strings.Repeat("k", 1025))
	f("", "k")
}

func testRace(t *testing.T, o Opened) { race(t, o, 16, 64) }

func testLargeRace(t *testing.T, o Opened) { race(t, o, 4, o.Large) }

// race lets putters loose on one key. Each puts bytes of its own, so that one
// winner's must be there.
func race(t *testing.T, o Opened, putters int, size int64) {
	body := Random(size)
	results := make([]error, putters)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			own := bytes.Clone(body)
			own[0] = byte(i)
			results[i] = o.Store.PutIfAbsent(t.Context(), o.Bucket, "k", Object(own, map[string]string{"putter": string(rune('a' + i))}))
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("putters %d and %d both made the object", winner, i)
		case err == nil:
			winner = i
		case err != objput.ErrExists:
			t.Error(err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody made the object")
	}
	if got := Get(t, o.Store, o.Bucket, "k"); int64(len(got)) != size || got[0] != byte(winner) {
		t.Errorf("%d bytes of putter %d are there, putter %d won", len(got), got[0], winner)
	}
	// A store may have lost sight of the metadata, but never gives a loser's.
	a, err := o.Store.Head(t.Context(), o.Bucket, "k")
	if err != nil || a.Meta != nil && a.Meta["putter"] != string(rune('a'+winner)) {
		t.Error(a, err)
	}
}

func testShortBody(t *testing.T, o Opened) {
	f := func(key string, there, announced int64) {
		t.Helper()
		err := o.Store.PutIfAbsent(t.Context(), o.Bucket, key, objput.Object{Body: bytes.NewReader(Random(there)), Size: announced, ContentType: "text/plain"})
		if err == nil || err == objput.ErrExists {
			t.Errorf("%s: %v", key, err)
		}
		if a, err := o.Store.Head(t.Context(), o.Bucket, key); !errors.Is(err, objput.ErrNotFound) {
			t.Errorf("%s: %v %v", key, a, err)
		}
	}
	f("short", 10, 100)
	f("short and large", o.Large-1, o.Large)
	f("none", 0, 1)
}

func testCanceled(t *testing.T, o Opened) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := func(key string, size int64) {
		t.Helper()
		if err := o.Store.PutIfAbsent(ctx, o.Bucket, key, Object(Random(size), nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", key, err)
		}
		if a, err := o.Store.Head(t.Context(), o.Bucket, key); !errors.Is(err, objput.ErrNotFound) {
			t.Errorf("%s: %v %v", key, a, err)
		}
	}
	f("small", 10)
	f("large", o.Large)
}

func testPartialRead(t *testing.T, o Opened) {
	body := Random(o.Large)
	if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, "k", Object(body, nil)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{0, 1, 1000} {
		r, err := o.Store.Get(t.Context(), o.Bucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, body[:n]) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
		r.Close() // in the middle: its error says nothing
	}
	if !bytes.Equal(Get(t, o.Store, o.Bucket, "k"), body) {
		t.Error("other bytes came back")
	}
}
