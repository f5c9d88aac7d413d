package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/objput"
	"sluice/internal/verify"
	"sluice/internal/vfs"
)

// object is one of a partition; its key is what it begins with.
type object struct {
	partition string
	start     uint64
}

// cut is one manifest of a chain.
type cut struct {
	start, end, position uint64 // no position: version 1
	discarded            int64
	objects              []object
	forged               bool // it does not follow the one before
}

func folder(t testing.TB) *objput.Folder {
	t.Helper()
	f, err := objput.OpenFolder(vfs.NewMem(), "/s3")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func put(t testing.TB, f *objput.Folder, key, body string, meta map[string]string) {
	t.Helper()
	o := objput.Object{Body: strings.NewReader(body), Size: int64(len(body)), Meta: meta}
	if err := f.PutIfAbsent(t.Context(), "lake", key, o); err != nil {
		t.Fatal(err)
	}
}

// TestChains has chains of manifests as delivery would and would not write them.
func TestChains(t *testing.T) {
	f := func(name string, cuts []cut, want ...string) {
		t.Helper()
		store := folder(t)
		var before [sha256.Size]byte
		for i, c := range cuts {
			var objects []map[string]any
			for _, o := range c.objects {
				key := fmt.Sprintf("%s-%d-%d", o.partition, i+1, o.start)
				put(t, store, key, "x", map[string]string{"sluice-stream": "arn", "sluice-xxh64": "00", "sluice-count": "1"})
				objects = append(objects, map[string]any{"key": key, "size": 1, "records": 1, "xxh64": "00", "partition": o.partition, "start": o.start})
			}
			m := map[string]any{
				"version": 1, "deliveryStream": "arn", "cut": i + 1, "start": c.start, "end": c.end, "objects": objects,
				"discarded": c.discarded, "previous": hex.EncodeToString(before[:]),
			}
			if c.position > 0 {
				m["version"], m["position"] = 2, c.position
			}
			if c.forged {
				m["previous"] = strings.Repeat("ab", 32)
			}
			body, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			before = sha256.Sum256(body)
			put(t, store, fmt.Sprintf("_sluice/commit/lake/0/%020d.json", i+1), string(body), nil)
		}
		r, err := verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Kind)
		}
		if d := cmp.Diff(want, got); d != "" || r.Complete != (len(want) == 0) {
			t.Errorf("%s: %s%+v", name, d, r)
		}
		if head := hex.EncodeToString(before[:]); r.Chains[0].Head != head {
			t.Errorf("%s: head %s, want %s", name, r.Chains[0].Head, head)
		}
	}
	f("one after the other", []cut{{end: 5}, {start: 5, end: 9}})
	f("a gap", []cut{{end: 5}, {start: 6, end: 9}}, verify.Gap)
	f("a gap that a delete made", []cut{{end: 5}, {start: 6, end: 9, discarded: 3}})
	f("an overlap", []cut{{end: 5}, {start: 4, end: 9}}, verify.Overlap)
	f("another chain's", []cut{{end: 5}, {start: 5, end: 9, forged: true}}, verify.BrokenChain)
	f("no beginning", []cut{{end: 5, forged: true}}, verify.BrokenChain)
	f("backwards", []cut{{start: 5, end: 4}}, verify.BadManifest)
	f("a partition ahead", []cut{
		{end: 5, position: 2, objects: []object{{"a", 0}}},
		{start: 2, end: 9, position: 9, objects: []object{{"a", 5}, {"b", 2}}},
	})
	f("a partition twice", []cut{
		{end: 5, position: 2, objects: []object{{"a", 0}}},
		{start: 2, end: 9, position: 9, objects: []object{{"a", 4}, {"b", 2}}},
	}, verify.Overlap)
	f("versions mixed", []cut{{end: 5}, {start: 5, end: 9, position: 7}, {start: 7, end: 12}})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":2,"cut":1,"start":0,"end":9,"position":3,"objects":[{"key":"a","partition":"64","start":1}],"previous":""}`))
	f.Add([]byte(`{"version":1`))
	f.Fuzz(func(t *testing.T, body []byte) {
		store := folder(t)
		o := objput.Object{Body: bytes.NewReader(body), Size: int64(len(body))}
		if err := store.PutIfAbsent(t.Context(), "lake", "_sluice/commit/lake/0/00000000000000000001.json", o); err != nil {
			t.Fatal(err)
		}
		verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake"}) // does not panic
	})
}
