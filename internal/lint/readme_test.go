package lint_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestReadmeListsTheOperations compares README's table with the operations that
// rooms hand to awsapi.
func TestReadmeListsTheOperations(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Operations\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for row := range strings.Lines(section) {
		if cells := strings.Split(row, "|"); len(cells) == 4 {
			listed = append(listed, operationName.FindAllString(cells[2], -1)...)
		}
	}
	implemented := make(map[string]string)
	for _, s := range sources(t) {
		if !s.test && layer(s.folder) != "cmd" && s.folder != "internal/awsapi" {
			ast.Inspect(s.syntax, func(n ast.Node) bool {
				if name := operationOf(n); name != "" {
					implemented[name] = s.pos(n)
				}
				return true
			})
		}
	}
	if len(implemented) < 20 {
		t.Fatalf("found %d operations in the source: does operationOf still know how they are made?", len(implemented))
	}
	for name, at := range implemented {
		if !slices.Contains(listed, name) {
			t.Errorf("%s makes %s, which README.md does not list", at, name)
		}
	}
	for _, name := range listed {
		if implemented[name] == "" {
			t.Errorf("README.md lists %s, which nothing makes", name)
		}
	}
}

var operationName = regexp.MustCompile(`\b[A-Z][a-z]+(?:[A-Z][a-z0-9]*)+\b`)

// operationOf is the name of the operation that a call makes: by awsapi.JSON,
// awsapi.Raw and the like with "Prefix_1.Name" or target+"Name", or by a room's
// own operation("Name", ...).
func operationOf(n ast.Node) string {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return ""
	}
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); !ok || x.Name != "awsapi" || len(call.Args) < 3 {
			return ""
		}
		return lastName(call.Args[1])
	case *ast.Ident:
		if f.Name == "operation" && len(call.Args) > 0 {
			return lastName(call.Args[0])
		}
	}
	return ""
}

// lastName is the operation's name at the end of a text or of a sum of texts.
func lastName(e ast.Expr) string {
	if sum, ok := e.(*ast.BinaryExpr); ok {
		e = sum.Y
	}
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	name := text[strings.LastIndexByte(text, '.')+1:]
	if operationName.FindString(name) != name {
		return ""
	}
	return name
}
