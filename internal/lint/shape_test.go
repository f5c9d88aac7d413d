package lint_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := make(map[string]string) // by folder
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		docs[s.folder] += s.syntax.Doc.Text()
	}
	for _, folder := range slices.Sorted(maps.Keys(docs)) {
		doc := docs[folder]
		if !strings.HasPrefix(doc, "Package ") && !strings.HasPrefix(doc, "Command ") {
			t.Errorf("%s has no package comment: say what it is, what enters, what leaves, who owns the memory, what survives a crash", folder)
		}
	}
}

// maxLines is where a file asks to be cut into nouns.
const maxLines = 600

// mayBeLong lists the files above maxLines.
var mayBeLong = map[string]string{}

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		excused := mayBeLong[s.path] != ""
		switch {
		case s.lines > maxLines && !excused:
			t.Errorf("%s has %d lines, more than %d: cut it into one file per noun", s.path, s.lines, maxLines)
		case s.lines <= maxLines && excused:
			t.Errorf("%s has %d lines and needs no excuse: remove its line", s.path, s.lines)
		}
	}
}

// rootEntries are all that a visitor sees first. Another one needs a reason that
// is better than a place in docs/, internal/ or bench/.
var rootEntries = []string{
	".ci", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "Makefile", "README.md",
	"bench", "cmd", "crossregion", "docs", "exporttask", "filter", "firehose", "go.mod", "go.sum",
	"ingest", "internal", "stream",
}

func TestRootFolder(t *testing.T) {
	for _, s := range sources(t) {
		if s.folder == "." {
			t.Errorf("%s: no Go file lies at the root", s.path)
		}
	}
	command := exec.Command("git", "ls-files")
	command.Dir = root
	list, err := command.Output()
	if err != nil {
		t.Skipf("git ls-files: %v (not a git checkout)", err)
	}
	seen := make(map[string]bool)
	for name := range strings.Lines(string(list)) {
		entry, _, _ := strings.Cut(strings.TrimSpace(name), "/")
		if !seen[entry] && !slices.Contains(rootEntries, entry) {
			t.Errorf("%s lies at the root: find it a folder", entry)
		}
		seen[entry] = true
	}
}

// hostPath is an absolute path of somebody's machine: a home folder or a build
// folder. It stands at the beginning of a word, where a URL's path does not.
var hostPath = regexp.MustCompile("(^|[\\s\"'`=(:])/(root|home|Users|work|build)/[A-Za-z0-9_.-]+/")

// mayNameHostPaths lists the files whose text only looks like that.
var mayNameHostPaths = map[string]string{}

func TestNoHostPaths(t *testing.T) {
	err := walkTree(func(name string) error {
		if mayNameHostPaths[name] != "" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return nil // not text
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if found := hostPath.FindString(line); found != "" {
				t.Errorf("%s:%d names a path of one machine: %s", name, number, strings.TrimSpace(found))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHostPath(t *testing.T) {
	f := func(line string, want bool) {
		t.Helper()
		if got := hostPath.MatchString(line); got != want {
			t.Errorf("%q: %t, want %t", line, got, want)
		}
	}
	for _, top := range []string{"root", "home", "Users", "work"} {
		f(`dir := "/`+top+`/somebody/src"`, true)
		f(`see https://example.com/`+top+`/somebody/src`, false)
		f(`/`+top, false)
	}
	f(`s3: folder:./lake`, false)
}
