package catalog_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sluice/internal/catalog"
)

// fileVariable makes the test binary a process that creates definitions in this
// file until it is killed, and says on its output what was acknowledged.
const fileVariable = "SLUICETEST_CATALOG"

func TestMain(m *testing.M) {
	if path := os.Getenv(fileVariable); path != "" {
		createForEver(path)
	}
	os.Exit(m.Run())
}

func createForEver(path string) {
	c, err := catalog.OpenFile(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				g, err := c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, i)})
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println("group", g.UID, g.Name)
				s, err := c.CreateLogStream(g.UID, "s", 1)
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println("stream", s.UID, g.UID)
			}
		})
	}
	wg.Wait()
}

// TestKill kills a process in the middle of its work, several times over one
// file: everything that was acknowledged must be there, and no uid may come
// twice.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	groups, streams := make(map[uint64]string), make(map[uint64]uint64)
	for round := range 5 {
		for _, line := range killedAfter(t, path, 40+30*round) {
			word := strings.Fields(line)
			if len(word) != 3 || word[0] == "error" {
				t.Fatalf("the process said %q", line)
			}
			uid, err := strconv.ParseUint(word[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if groups[uid] != "" || streams[uid] != 0 {
				t.Fatalf("round %d: uid %d was given out twice", round, uid)
			}
			if word[0] == "group" {
				groups[uid] = word[2]
			} else if streams[uid], err = strconv.ParseUint(word[2], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		c := must[*catalog.Catalog](t)(catalog.OpenFile(path))
		for uid, name := range groups {
			if g, ok := c.GroupByUID(uid); !ok || g.Name != name {
				t.Errorf("round %d: group %d is %+v, %t, want %s", round, uid, g, ok, name)
			}
		}
		for uid, group := range streams {
			if s, ok := c.StreamByUID(uid); !ok || s.GroupUID != group {
				t.Errorf("round %d: stream %d is %+v, %t, want group %d", round, uid, s, ok, group)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killedAfter starts a process over the file, kills it after it said so many
// lines, and returns all that it said.
func killedAfter(t *testing.T, path string, lines int) (said []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fileVariable+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if said = append(said, scanner.Text()); len(said) == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	return said
}
