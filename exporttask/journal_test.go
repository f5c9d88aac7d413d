package exporttask

import (
	"os"
	"testing"

	"sluice/internal/vfs"
)

// FuzzJournal opens what a disk may hold, writes on, and wants to find both again.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(`{"folder":"a","object":{"key":"k","size":1},"stream":"s","next":{"at":5,"skip":2}}` + "\n"))
	f.Add([]byte(`{"folder":"a","done":true}` + "\n" + `{"folder":"b","obj`))
	f.Fuzz(func(t *testing.T, text []byte) {
		fsys := vfs.NewMem()
		if err := fsys.MkdirAll("/e"); err != nil {
			t.Fatal(err)
		}
		file, err := fsys.OpenFile("/e/t"+journalExtension, os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(text, 0); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(fsys, "/e", "t")
		if err != nil {
			t.Fatal(err)
		}
		if err := j.write(note{Folder: "new", Object: &object{Key: "k"}, Stream: "s", Next: cursor{At: 7, Skip: 1}}); err != nil {
			t.Fatal(err)
		}
		again, err := openJournal(fsys, "/e", "t")
		if err != nil {
			t.Fatal(err)
		}
		if len(again.objects) != len(j.objects) || again.end != j.end || len(again.marks) != len(j.marks) {
			t.Errorf("%d objects and %d bytes, want %d and %d", len(again.objects), again.end, len(j.objects), j.end)
		}
		if m := again.mark("new"); m.stream != "s" || m.next != (cursor{7, 1}) {
			t.Errorf("%+v", m)
		}
	})
}
