package objputtest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/objput"
)

// list is the keys with a prefix, sorted, without the store's own probes.
func list(t *testing.T, o Opened, prefix string) (keys []string) {
	t.Helper()
	err := o.Store.(objput.Lister).List(t.Context(), o.Bucket, prefix, func(l objput.Listed) error {
		if l.Size != int64(len(l.Key)) && !strings.HasPrefix(l.Key, "_sluice/probe") {
			t.Errorf("%s has %d bytes", l.Key, l.Size)
		}
		if !strings.HasPrefix(l.Key, "_sluice/probe") {
			keys = append(keys, l.Key)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(keys)
	return keys
}

// putKeys puts objects that hold their own keys; every other one has metadata,
// without which a folder does not know a key that is no file name.
func putKeys(t *testing.T, o Opened, keys ...string) {
	t.Helper()
	for i, key := range keys {
		var m map[string]string
		if i%2 == 0 {
			m = meta
		}
		if err := o.Store.PutIfAbsent(t.Context(), o.Bucket, key, Object([]byte(key), m)); err != nil {
			t.Fatal(err)
		}
	}
}

func testList(t *testing.T, o Opened) {
	long := strings.Repeat("l", 300) // more than a file name may have
	if o.Name > 0 {
		long = long[:o.Name]
	}
	keys := []string{
		"2026/01/02/a.gz", "2026/01/02/b.gz", "2026/01/20/a.gz", "2026-01", "2026.x/y", "日志/é", "year=2026/x",
		"with space/a%2Fb", long + "/x", "_sluice/commit/lake/0/00000000000000000001.json",
	}
	putKeys(t, o, keys...)
	f := func(prefix string) {
		t.Helper()
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		if d := cmp.Diff(want, list(t, o, prefix)); d != "" {
			t.Errorf("prefix %q:\n%s", prefix, d)
		}
	}
	for _, prefix := range []string{
		"", "2026", "2026/", "2026/01/0", "2026/01/02/a.gz", "2026/01/02/a.gz/", "2026.", "日", "_sluice/commit/", "nothing", "with space/a%",
		long[:210], long[:len(long)-1], long + "/", "z/",
	} {
		f(prefix)
	}
	err := o.Store.(objput.Lister).List(t.Context(), "no-such-bucket", "", func(objput.Listed) error { return nil })
	if !errors.Is(err, objput.ErrNotFound) {
		t.Error(err)
	}
}

func testListPages(t *testing.T, o Opened) {
	var keys []string
	for i := range 1100 { // S3 gives a thousand at once
		keys = append(keys, fmt.Sprintf("p/%04d", i))
	}
	putKeys(t, o, keys...)
	if d := cmp.Diff(keys, list(t, o, "p/")); d != "" {
		t.Error(d)
	}
}

func testListEnds(t *testing.T, o Opened) {
	putKeys(t, o, "a", "b/c", "d")
	n := 0
	err := o.Store.(objput.Lister).List(t.Context(), o.Bucket, "", func(objput.Listed) error { n++; return io.ErrNoProgress })
	if err != io.ErrNoProgress || n != 1 {
		t.Errorf("%d visits, %v", n, err)
	}
}
