package vfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/vfs"
)

// crashes calls f with what 400 power failures leave of m, the first of them
// the worst, and returns how often each answer came.
func crashes(m *vfs.Mem, f func(*vfs.Mem) string) map[string]int {
	seen := map[string]int{f(m.CrashClone(vfs.CrashOptions{})): 1}
	for seed := range uint64(400) {
		o := vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, 1)), TornLastWrite: seed%2 == 0}
		seen[f(m.CrashClone(o))]++
	}
	return seen
}

// tree renders names and contents of the root.
func tree(t *testing.T) func(*vfs.Mem) string {
	return func(m *vfs.Mem) string {
		var b strings.Builder
		list, err := m.ReadDir("/")
		must(t, err)
		for _, e := range list {
			if e.IsDir() {
				fmt.Fprintf(&b, "%s/ ", e.Name())
				continue
			}
			fmt.Fprintf(&b, "%s=%s ", e.Name(), read(t, m, e.Name()))
		}
		return strings.TrimSpace(b.String())
	}
}

func TestCrashOutcomes(t *testing.T) {
	f := func(name string, prepare func(m *vfs.Mem), want ...string) {
		t.Helper()
		m := vfs.NewMem()
		prepare(m)
		before := tree(t)(m)
		seen := crashes(m, tree(t))
		for _, w := range want {
			if seen[w] == 0 {
				t.Errorf("%s: %q never came, but %v", name, w, seen)
			}
			delete(seen, w)
		}
		if len(seen) > 0 {
			t.Errorf("%s: also %v", name, seen)
		}
		equal(t, tree(t)(m), before) // the original lives on undisturbed
	}
	file := func(m *vfs.Mem, name, text string) { put(t, m, name, text) }
	syncDir := func(m *vfs.Mem) { must(t, m.SyncDir("/")) }

	f("synced file, unsynced name", func(m *vfs.Mem) { file(m, "a", "1") }, "", "a=1")
	f("synced file and name", func(m *vfs.Mem) { file(m, "a", "1"); syncDir(m) }, "a=1")
	f("unsynced write", func(m *vfs.Mem) {
		file(m, "a", "1")
		syncDir(m)
		h, err := m.OpenFile("a", 2)
		must(t, err)
		write(t, h, "2")
	}, "a=1", "a=2")
	f("rename is atomic", func(m *vfs.Mem) {
		file(m, "a", "new")
		file(m, "b", "old")
		syncDir(m)
		must(t, m.Rename("a", "b"))
	}, "a=new b=old", "b=new")
	f("rename needs its create", func(m *vfs.Mem) {
		file(m, "t", "1")
		must(t, m.Rename("t", "f"))
	}, "", "t=1", "f=1")
	f("a directory sync covers both", func(m *vfs.Mem) {
		file(m, "t", "1")
		must(t, m.Rename("t", "f"))
		syncDir(m)
	}, "f=1")
	f("link", func(m *vfs.Mem) {
		file(m, "t", "1")
		syncDir(m)
		must(t, m.Link("t", "f"))
	}, "t=1", "f=1 t=1")
	f("link, then the first name removed", func(m *vfs.Mem) {
		file(m, "t", "1")
		must(t, m.Link("t", "f"))
		syncDir(m)
		must(t, m.Remove("t"))
	}, "f=1", "f=1 t=1")
	f("removes are independent", func(m *vfs.Mem) {
		file(m, "a", "1")
		file(m, "b", "2")
		syncDir(m)
		must(t, m.Remove("a"))
		must(t, m.Remove("b"))
	}, "", "a=1", "b=2", "a=1 b=2")
	f("a file in a directory that is lost", func(m *vfs.Mem) {
		must(t, m.MkdirAll("d"))
		file(m, "d/a", "1")
		must(t, m.SyncDir("d"))
	}, "", "d/")
	f("truncate", func(m *vfs.Mem) {
		file(m, "a", "1")
		syncDir(m)
		h, err := m.OpenFile("a", 2)
		must(t, err)
		must(t, h.Truncate(0))
	}, "a=1", "a=")
	f("rename across directories, target synced", func(m *vfs.Mem) {
		must(t, m.MkdirAll("d"))
		syncDir(m)
		file(m, "d/a", "1")
		must(t, m.Rename("d/a", "b"))
		syncDir(m)
	}, "b=1 d/")
}

func TestCrashLosesSectors(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "f", strings.Repeat("a", 4*512))
	must(t, m.SyncDir("/"))
	h, err := m.OpenFile("f", 2)
	must(t, err)
	write(t, h, strings.Repeat("b", 4*512))
	torn, mixed, whole := 0, 0, 0
	for seed := range uint64(500) {
		s := read(t, m.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, 2)), TornLastWrite: seed%2 == 1}), "f")
		equal(t, len(s), 4*512)
		change := 0
		for i := 1; i < len(s); i++ {
			if s[i] != s[i-1] {
				if i%512 != 0 {
					torn++
				}
				change++
			}
		}
		if change > 0 {
			mixed++
		}
		if s[0] == 'b' && change == 0 {
			whole++
		}
	}
	if torn == 0 || mixed == 0 || whole == 0 {
		t.Errorf("torn within a sector %d, mixed %d, all survived %d: want each to happen", torn, mixed, whole)
	}
	must(t, h.Sync())
	for _, s := range []string{read(t, m.CrashClone(vfs.CrashOptions{}), "f")} {
		equal(t, s, strings.Repeat("b", 4*512))
	}
}

func TestCrashOfProcessKeepsPageCache(t *testing.T) {
	m := vfs.NewMem()
	h := create(t, m, "f")
	write(t, h, "cached")
	alive := m.CrashClone(vfs.CrashOptions{ProcessOnly: true})
	write(t, h, "-later")
	equal(t, read(t, alive, "f"), "cached")
	equal(t, tree(t)(alive.CrashClone(vfs.CrashOptions{})), "") // and is lost with the power, still
	must(t, alive.SyncDir("/"))
	equal(t, tree(t)(alive.CrashClone(vfs.CrashOptions{})), "f=")
}

func TestFailSync(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "f", strings.Repeat("a", 8192))
	must(t, m.SyncDir("/"))
	h, err := m.OpenFile("f", 2)
	must(t, err)
	write(t, h, "bb")
	_, err = h.WriteAt([]byte("cc"), 4096)
	must(t, err)
	m.FailSync()
	must(t, h.Sync())
	alive := m.CrashClone(vfs.CrashOptions{ProcessOnly: true})
	h, err = alive.OpenFile("f", 2)
	must(t, err)
	equal(t, read(t, alive, "f")[:3], "bba")
	_, err = h.WriteAt([]byte("c"), 4096)
	must(t, err)
	must(t, h.Sync())
	left := read(t, alive.CrashClone(vfs.CrashOptions{}), "f")
	equal(t, left[:3], "aaa")
	equal(t, left[4096:4099], "cca")
}

func TestFault(t *testing.T) {
	boom := errors.New("boom")
	var ops []string
	fail := map[string]error{}
	m := vfs.NewMem()
	fsys := vfs.Fault(m, func(op vfs.Op) error {
		ops = append(ops, fmt.Sprintf("%d %s %s %d", op.N, op.Kind, op.Name, op.Size))
		return fail[op.Kind.String()]
	})
	f := create(t, fsys, "f")
	write(t, f, "abcd")
	must(t, f.Sync())
	fail["sync"] = boom
	is(t, f.Sync(), boom)
	fail["write"] = vfs.ErrTorn
	n, err := f.Write([]byte("efgh"))
	equal(t, n, 2)
	is(t, err, vfs.ErrTorn)
	fail["preallocate"] = syscall.ENOSPC
	err = f.Preallocate(100)
	equal(t, vfs.IsNoSpace(err), true)
	fail["rename"] = boom
	is(t, fsys.Rename("f", "g"), boom)
	equal(t, read(t, m, "f"), "abcdef")
	_, err = m.Stat("g")
	is(t, err, fs.ErrNotExist)
	equal(t, strings.Join(ops, ", "), "1 create f 0, 2 write f 4, 3 sync f 0, 4 sync f 0, 5 write f 4, 6 preallocate f 100, 7 rename g 0")
	must(t, f.Close())
}
