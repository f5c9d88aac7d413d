package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// timeReaders are package time's functions that read or wait for the machine's
// time. Rooms take a clock: clock.Event for what a user can wait for, so that
// the test clock moves it, and clock.Machine for commits and sockets.
var timeReaders = []string{
	"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until",
}

// mayReadTime lists the files and folders that do so, each with its reason.
var mayReadTime = map[string]string{
	"bench":                    "measurements",
	"cmd":                      "a command outside the server has no test clock",
	"firehose/deliver.go":      "a deadline of the process's stop, which a standing test clock must not hold up",
	"internal/awsapi":          "deadlines of sockets and the time an answer took",
	"internal/clock":           "the clocks themselves",
	"internal/vfs/mem.go":      "modification times, as a file system gives them",
	"internal/vfs/mem_file.go": "modification times, as a file system gives them",
}

func TestTimeComesFromAClock(t *testing.T) {
	stale := maps.Clone(mayReadTime)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		eachUse(s, "time", func(use ast.Node, name string) {
			if !slices.Contains(timeReaders, name) {
				return
			}
			for excused := range mayReadTime {
				if within(s.path, excused) {
					delete(stale, excused)
					return
				}
			}
			t.Errorf("%s: time.%s: take a clock.Event (what users see) or a clock.Machine (commits, sockets)", s.pos(use), name)
		})
	}
	for excused := range stale {
		t.Logf("%s is excused from the clocks and does not need it", excused)
	}
}

func TestNothingPrints(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || within(s.folder, "cmd") || within(s.folder, "bench") {
			continue
		}
		eachUse(s, "fmt", func(use ast.Node, name string) {
			if strings.HasPrefix(name, "Print") {
				t.Errorf("%s: fmt.%s: log with the slog.Logger of the Config, or return an error", s.pos(use), name)
			}
		})
		eachUse(s, "os", func(use ast.Node, name string) {
			if name == "Exit" || name == "Stdout" || name == "Stderr" {
				t.Errorf("%s: os.%s: only commands own the process", s.pos(use), name)
			}
		})
		for _, imported := range s.imports() {
			if imported == "log" {
				t.Errorf("%s imports log: take a *slog.Logger", s.path)
			}
		}
	}
}

// eachUse visits every use of a name of the given standard package.
func eachUse(s *source, pkg string, visit func(n ast.Node, name string)) {
	imports := s.imports()
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// Obj is set for local names only, so a variable called time is none.
		if x, ok := selector.X.(*ast.Ident); ok && x.Obj == nil && imports[x.Name] == pkg {
			visit(selector, selector.Sel.Name)
		}
		return true
	})
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, declared := range s.syntax.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function runs before anybody can configure or test it", s.pos(f))
			}
		}
	}
}

// TestNoMutableGlobals finds package variables that some function of the same
// package assigns to. Sentinel errors, compiled tables and pools are made once,
// in their declaration.
func TestNoMutableGlobals(t *testing.T) {
	globals := make(map[string]map[string]bool) // by folder
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, name := range packageVariables(s.syntax) {
			if globals[s.folder] == nil {
				globals[s.folder] = make(map[string]bool)
			}
			globals[s.folder][name.Name] = true
		}
	}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, target := range assigned(s.syntax) {
			if globals[s.folder][target.Name] && !local(s.syntax, target) {
				t.Errorf("%s assigns to the package variable %s: state belongs to a value that its owner made", s.pos(target), target.Name)
			}
		}
	}
}

func packageVariables(file *ast.File) []*ast.Ident {
	var names []*ast.Ident
	for _, declared := range file.Decls {
		general, ok := declared.(*ast.GenDecl)
		if !ok || general.Tok != token.VAR {
			continue
		}
		for _, spec := range general.Specs {
			names = append(names, spec.(*ast.ValueSpec).Names...)
		}
	}
	return names
}

// assigned lists the plain names on the left of = and friends, not of :=.
func assigned(file *ast.File) []*ast.Ident {
	var names []*ast.Ident
	add := func(e ast.Expr) {
		if name, ok := e.(*ast.Ident); ok && name.Name != "_" {
			names = append(names, name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.IncDecStmt:
			add(n.X)
		}
		return true
	})
	return names
}

// local reports whether a name is declared inside a function. The parser
// resolves those; a package variable of another file stays unresolved.
func local(file *ast.File, name *ast.Ident) bool {
	if name.Obj == nil {
		return false
	}
	return file.Scope.Lookup(name.Name) != name.Obj
}

func TestRulesSeeThroughScopes(t *testing.T) {
	const text = `package p

import (
	clock "time"
	"fmt"
)

var count, limit int

func f() {
	count++          // the package's
	elsewhere = 2    // maybe another file's
	limit := 1
	limit = 2        // a local
	fmt.Println(limit, clock.Now())
	var fmt printer
	fmt.Print()      // a local
}
`
	syntax, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var globals, uses []string
	for _, name := range assigned(syntax) {
		if !local(syntax, name) {
			globals = append(globals, name.Name)
		}
	}
	if want := []string{"count", "elsewhere"}; !slices.Equal(globals, want) {
		t.Errorf("assigned %v, want %v", globals, want)
	}
	for _, pkg := range []string{"fmt", "time"} {
		eachUse(&source{syntax: syntax}, pkg, func(_ ast.Node, name string) { uses = append(uses, pkg+"."+name) })
	}
	if want := []string{"fmt.Println", "time.Now"}; !slices.Equal(uses, want) {
		t.Errorf("uses %v, want %v", uses, want)
	}
}
