package lint_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "sluice"

// source is one parsed .go file.
type source struct {
	path   string // slash-separated, from the module's root
	folder string // of path, "." at the root
	test   bool
	lines  int
	syntax *ast.File
}

// pos says where in the tree a node stands.
func (s *source) pos(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(fileSet.Position(n.Pos()).Line)
}

// imports maps the local name of each import to its path.
func (s *source) imports() map[string]string {
	names := make(map[string]string)
	for _, spec := range s.syntax.Imports {
		imported := importPath(spec)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	imported, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser accepted it
	}
	return imported
}

var fileSet = token.NewFileSet()

// root is the folder with go.mod: tests run in their own folder.
const root = "../.."

var parsed = sync.OnceValues(func() ([]*source, error) {
	var sources []*source
	err := walkTree(func(name string) error {
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(fileSet, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		sources = append(sources, &source{
			path:   name,
			folder: path.Dir(name),
			test:   strings.HasSuffix(name, "_test.go"),
			lines:  bytes.Count(text, []byte("\n")),
			syntax: syntax,
		})
		return nil
	})
	return sources, err
})

func sources(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found %d Go files, so this is not the module's tree", len(all))
	}
	return all
}

// walkTree visits the module's files: not what git or a build keeps, not test
// data, and not modules of their own below this one.
func walkTree(visit func(name string) error) error {
	top := os.DirFS(root)
	return fs.WalkDir(top, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return visit(name)
		}
		switch {
		case name == ".":
			return nil
		case entry.Name() == "testdata", entry.Name() == "bin", name == "sluice-data":
			return fs.SkipDir
		case strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".ci", strings.HasPrefix(entry.Name(), "_"):
			return fs.SkipDir
		}
		if _, err := fs.Stat(top, path.Join(name, "go.mod")); err == nil {
			return fs.SkipDir
		}
		return nil
	})
}
