package verify_test

import (
	"testing"

	"sluice/internal/objput"
	"sluice/internal/verify"
	"sluice/internal/vfs"
)

// FuzzExportManifest has a manifest that somebody else wrote: whatever is in it
// is reported, and nothing is read outside of the bucket.
func FuzzExportManifest(f *testing.F) {
	f.Add(`{"version":1,"taskId":"t","records":1,"bytes":2,"objects":[{"key":"k","size":2,"records":1,"bytes":2,"xxh64":"00"}]}`)
	f.Add(`{"version":1,"taskId":"t","objects":[{"key":"../x","bucket":"other"}]}`)
	f.Add(`{"version":1,"taskId":"../t"}`)
	f.Fuzz(func(t *testing.T, text string) {
		store, err := objput.OpenFolder(vfs.NewMem(), "/s3")
		if err != nil {
			t.Fatal(err)
		}
		put(t, store, "_sluice/export/t.json", text, nil)
		r, err := verify.Run(t.Context(), verify.Config{Store: store, Bucket: "lake", Deep: true})
		if err != nil {
			return // a key that no store can have
		}
		if len(r.Exports) == 1 && r.Exports[0].Objects > 0 && r.Complete {
			t.Errorf("%s: complete, and there are no objects", text)
		}
	})
}
