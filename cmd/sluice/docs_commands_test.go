package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"sluice/cmd/sluice/internal/settings"
)

// TestCommandsOfThePages parses every command line of sluice that README.md, docs/
// and the help texts show: each flag there exists and takes such a value.
func TestCommandsOfThePages(t *testing.T) {
	found := 0
	pages := append(markdown(t), "../../README.md")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found += checkCommands(t, filepath.Base(page), string(text))
	}
	parser := parserOf(t)
	for _, node := range parser.Model.Leaves(false) {
		found += checkCommands(t, node.FullPath()+" --help", node.Detail)
	}
	if found < 80 {
		t.Errorf("%d command lines found: does the test still see them?", found)
	}
}

// TestPagesAreLinked wants a way from README.md to each page, and no link to a page
// that is not there.
func TestPagesAreLinked(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range markdown(t) {
		if !strings.Contains(string(text), "](docs/"+filepath.Base(page)) {
			t.Errorf("README.md does not link %s", page)
		}
	}
	for _, page := range append(markdown(t), "../../README.md", "../../ARCHITECTURE.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range linkPattern.FindAllStringSubmatch(string(text), -1) {
			checkLink(t, page, link[1])
		}
	}
}

var linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// checkLink follows a link to a file and to a heading in it.
func checkLink(t *testing.T, page, link string) {
	t.Helper()
	if strings.Contains(link, "://") {
		return
	}
	file, heading, _ := strings.Cut(link, "#")
	target := page
	if file != "" {
		target = filepath.Join(filepath.Dir(page), file)
	}
	text, err := os.ReadFile(target)
	if about, statErr := os.Stat(target); statErr == nil && about.IsDir() {
		return
	}
	if err != nil {
		t.Errorf("%s links %s: %v", page, link, err)
		return
	}
	if heading != "" && !slices.Contains(anchors(string(text)), heading) {
		t.Errorf("%s links %s: there is no such heading", page, link)
	}
}

// anchors are the headings of a page as links name them.
func anchors(text string) (all []string) {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			title = strings.ToLower(strings.TrimSpace(title))
			all = append(all, strings.ReplaceAll(notInAnchors.ReplaceAllString(title, ""), " ", "-"))
		}
	}
	return all
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 _-]`)

func markdown(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatal(pages, err)
	}
	return pages
}

func parserOf(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := newParser(&commands{}, &process{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

var (
	fence  = regexp.MustCompile("(?s)\n *```[a-z]*\n(.*?)\n *```")
	inline = regexp.MustCompile("`([^`\n]+)`")
	call   = regexp.MustCompile(`(?:^|[\s"(/])sluice ([a-z][^\n]*)`)
)

// checkCommands parses the commands of one page and counts them. In a sentence a
// command may stand without what it demands.
func checkCommands(t *testing.T, page, text string) (found int) {
	t.Helper()
	text = spoken.ReplaceAllString(strings.ReplaceAll(text, "\\\n", " "), "echo")
	block := func(lines string, whole bool) {
		for _, m := range call.FindAllStringSubmatch(lines, -1) {
			words := shellWords(m[1])
			if !isCommand(t, words[0]) {
				continue
			}
			found++
			if i := slices.Index(words, "--help"); i >= 0 {
				words, whole = slices.Delete(words, i, i+1), false // help ends the process
			}
			if _, err := parserOf(t).Parse(words); err != nil && (whole || !incomplete.MatchString(err.Error())) {
				t.Errorf("%s: sluice %s: %v", page, m[1], err)
			}
		}
	}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		block(m[1], true)
	}
	text = fence.ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "    ") {
			block(line, true)
		}
	}
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		block(m[1], false)
	}
	return found
}

var (
	incomplete = regexp.MustCompile(`^(expected |missing flags: )|names no bucket$`)
	spoken     = regexp.MustCompile(`echo "[^"\n]*"`)
)

func isCommand(t *testing.T, name string) bool {
	t.Helper()
	for _, node := range parserOf(t).Model.Children {
		if node.Name == name {
			return true
		}
	}
	return false
}

// shellWords are the words of a command up to where the shell ends it.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quote, open := rune(0), false
	end := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|;&)#>", r) && !(r == '#' && open):
			end()
			return words
		default:
			word.WriteRune(r)
			open = true
		}
	}
	end()
	return words
}

func TestShellWords(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		if got := shellWords(line); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(`filter -e '{ $.a > 1 }' --explain a.log | head`, "filter", "-e", "{ $.a > 1 }", "--explain", "a.log")
	f(`export wait "$id" --timeout 1h || echo "no"`, "export", "wait", "$id", "--timeout", "1h")
	f(`serve &`, "serve")
	f(`verify lake                # chains`, "verify", "lake")
	f(`serve --data-dir "$(mktemp -d)" --ready-json -`, "serve", "--data-dir", "$(mktemp -d)", "--ready-json", "-")
}

// TestExamplesOfThePages loads every configuration that a page shows.
func TestExamplesOfThePages(t *testing.T) {
	var top []string
	for _, key := range settings.Keys() {
		first, _, _ := strings.Cut(key.Path, ".")
		top = append(top, first)
	}
	found := 0
	for _, page := range append(markdown(t), "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range yamlFence.FindAllStringSubmatch(string(text), -1) {
			name, _, _ := strings.Cut(strings.TrimLeft(withoutComments.ReplaceAllString(m[1], ""), "\n"), ":")
			if !slices.Contains(top, name) {
				continue // of another program
			}
			found++
			file := filepath.Join(t.TempDir(), fmt.Sprintf("%s.%d.yaml", filepath.Base(page), i))
			if err := os.WriteFile(file, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := settings.Load(settings.Input{File: file}); err != nil && !strings.Contains(err.Error(), "cert and key do not load") {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d configurations found: does the test still see them?", found)
	}
}

var (
	yamlFence       = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")
	withoutComments = regexp.MustCompile(`(?m)^#.*\n`)
)

// TestKeysOfThePages wants every key and every variable that a page names to exist.
func TestKeysOfThePages(t *testing.T) {
	variables := []string{"SLUICE_", "SLUICE_CONFIG", "SLUICE_SHARED"}
	var paths, top []string
	found := 0
	for _, key := range settings.Keys() {
		first, _, _ := strings.Cut(key.Path, ".")
		variables, paths, top = append(variables, key.Env), append(paths, key.Path), append(top, first)
	}
	for _, page := range append(markdown(t), "../../README.md", "../../ARCHITECTURE.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			if !slices.Contains(variables, name) {
				t.Errorf("%s names %s, which sets nothing", page, name)
			}
		}
		for _, m := range dotted.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(top, m[1]) {
				continue // of something else
			}
			found++
			if !slices.ContainsFunc(paths, func(path string) bool {
				// A key, a section, or a key of the entries of a list.
				return path == m[1]+m[2] || strings.HasPrefix(path, m[1]+m[2]+".") || strings.HasPrefix(m[1]+m[2], path+".")
			}) {
				t.Errorf("%s names %s%s, which is no key", page, m[1], m[2])
			}
		}
	}
	if found < 100 {
		t.Errorf("%d keys found: does the test still see them?", found)
	}
}

var (
	variable = regexp.MustCompile(`\bSLUICE_[A-Z0-9_]*`)
	dotted   = regexp.MustCompile("`([a-z0-9_]+)((?:\\.[a-z0-9_]+)+)[:`]")
)
