package objput_test

import (
	"errors"
	"path/filepath"
	"testing"

	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
	"sluice/internal/vfs"
)

func TestFolderRegistersConform(t *testing.T) {
	objputtest.RunRegisters(t, func(t testing.TB) objputtest.OpenedRegisters {
		return objputtest.OpenedRegisters{Registers: open(t, vfs.NewMem()), Bucket: "lake"}
	})
	t.Run("on disk", func(t *testing.T) {
		objputtest.RunRegisters(t, func(t testing.TB) objputtest.OpenedRegisters {
			f, err := objput.OpenFolder(vfs.OS, filepath.ToSlash(t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			return objputtest.OpenedRegisters{Registers: f, Bucket: "lake"}
		})
	})
}

func TestS3RegistersConform(t *testing.T) {
	objputtest.RunRegisters(t, func(t testing.TB) objputtest.OpenedRegisters {
		fake := objputtest.NewFake(t, "lake")
		return objputtest.OpenedRegisters{Registers: openS3(t, fake.URL), Bucket: "lake"}
	})
}

// TestSwapsNeedIfMatch wants a store refused that would let two writers succeed.
func TestSwapsNeedIfMatch(t *testing.T) {
	fake := objputtest.NewFake(t, "lake")
	fake.IgnoreIfMatch = true
	s := openS3(t, fake.URL)
	for range 2 {
		if _, err := s.SwapRegister(t.Context(), "lake", "a", "", []byte("1")); !errors.Is(err, objput.ErrRefused) {
			t.Errorf("%v, want ErrRefused", err)
		}
	}
	if keys := fake.Keys(t, "lake"); len(keys) != 0 {
		t.Errorf("registers %q were made", keys)
	}
}

// TestSwapsSurviveACrash swaps, takes the power away, and reads.
func TestSwapsSurviveACrash(t *testing.T) {
	mem := vfs.NewMem()
	f := open(t, mem)
	tag := ""
	for _, value := range []string{"1", "2", "3"} {
		var err error
		if tag, err = f.SwapRegister(t.Context(), "lake", "leases/a", tag, []byte(value)); err != nil {
			t.Fatal(err)
		}
		after := open(t, mem.CrashClone(vfs.CrashOptions{}))
		got, gotTag, err := after.ReadRegister(t.Context(), "lake", "leases/a")
		if err != nil || string(got) != value || gotTag != tag {
			t.Errorf("after a crash %q at %q, %v; want %q at %q", got, gotTag, err, value, tag)
		}
	}
}
