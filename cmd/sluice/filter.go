package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"sluice/cmd/sluice/internal/grep"
	"sluice/filter/pattern"
	"sluice/internal/obs"
)

type filterCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Files to read, one event a line, also compressed by gzip or zstd; - or none is standard input."`

	Patterns     patternTexts `name:"pattern" short:"e" required:"" placeholder:"PATTERN" help:"Filter pattern; with several an event is selected when any of them matches."`
	Invert       bool         `name:"invert-match" short:"v" help:"Select the events that no pattern matches."`
	Count        bool         `short:"c" help:"Print how many events of each file are selected instead of them."`
	MaxCount     int64        `short:"m" placeholder:"NUM" help:"Stop reading a file after NUM selected events."`
	Explain      bool         `help:"Print every event, and which part of each pattern is true of it and why."`
	Output       string       `short:"o" enum:"text,json" default:"text" help:"Form of the output: text or json."`
	LineNumber   bool         `short:"n" help:"Print the number of the line before each event."`
	WithFilename bool         `short:"H" xor:"filename" help:"Print the name of the file before each event; the default with more than one."`
	NoFilename   bool         `xor:"filename" help:"Never print it."`
	Color        string       `enum:"auto,always,never" default:"auto" help:"Mark what matched: auto (on a terminal), always or never."`
	NoWarnings   bool         `short:"q" help:"Say nothing about patterns that are valid and probably wrong."`
	LineBuffered bool         `help:"Print events at once when standard output is no terminal, too."`
	MaxLine      int          `default:"16777216" placeholder:"N" help:"Leave out lines above N bytes, and say so (${default})."`
	Jobs         int          `short:"j" placeholder:"N" help:"Blocks worked on at a time. Default: as many as there are processors, or 1 where reading is the most of the work."`
}

func (*filterCommand) Help() string {
	return `grep, with the filter patterns of CloudWatch Logs: the verdicts are those of a subscription
or metric filter. Each line is one event, without its line feed; a carriage return before
that belongs to the event. Bytes may be any.

A pattern that starts with a hyphen needs no care: -e -healthcheck. Shells want JSON and
regular expressions in single quotes. docs/filter-patterns.md has the language.

With -o json an event is {"file","line","message","patterns","fields"}: the patterns that
match, and what a space-delimited pattern extracts. With --explain it is {"file","line",
"message","selected","explanations"}, with -c {"file","count"}.

Memory does not depend on the input. A line above --max-line is left out, which is said on
standard error and makes the exit code 2; so does a file that cannot be read. The other
lines and files are searched all the same.

Examples:

    sluice filter -e ERROR app.log
    sluice filter -e '{ $.status >= 500 && $.method = "POST" }' -o json app.ndjson.gz
    sluice filter -c -v -e '[..., status = 2*, bytes]' access.log
    tail -F app.log | sluice filter --line-buffered -e '?ERROR ?WARN'
    echo '{"status":"503"}' | sluice filter --explain -e '{ $.status > 500 }'

Exit codes: 0 some event was selected, 1 none was, 2 something failed.`
}

// Exit codes of filter, which are grep's.
const (
	exitNone    = 1
	exitTrouble = 2
)

// patternTexts is a flag whose value may begin with a hyphen and hold commas.
type patternTexts []string

// Decode is called by the parser, once for each -e.
func (p *patternTexts) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop()
	text, ok := token.Value.(string)
	if token.IsEOL() || !ok {
		return errors.New("expected a pattern")
	}
	*p = append(*p, text)
	return nil
}

// Validate is called by the parser.
func (c *filterCommand) Validate() error {
	f := func(name string, n, least int) error {
		if n < least {
			return fmt.Errorf("--%s is %d: give %d or more", name, n, least)
		}
		return nil
	}
	most := error(nil)
	if c.MaxLine > 1<<30 {
		most = fmt.Errorf("--max-line is %d: give at most %d", c.MaxLine, 1<<30)
	}
	return errors.Join(f("max-count", int(c.MaxCount), 0), f("max-line", c.MaxLine, 1), f("jobs", c.Jobs, 0), most)
}

func (c *filterCommand) Run(p *process) error {
	patterns, err := c.compile()
	if err != nil {
		return usage(err)
	}
	if !c.NoWarnings {
		warn(p.stderr, patterns)
	}
	r := filterRun{c: c, p: p}
	if r.search, err = grep.New(r.config(patterns), p.stdout); err != nil {
		return usage(err)
	}
	return r.run()
}

func (c *filterCommand) compile() (patterns []*pattern.Pattern, err error) {
	for _, text := range c.Patterns {
		p, failure := pattern.Compile(text)
		if failure != nil {
			err = errors.Join(err, pointAt(text, failure))
			continue
		}
		patterns = append(patterns, p)
	}
	return patterns, err
}

// pointAt shows the place of a mistake below the pattern.
func pointAt(text string, err error) error {
	var refused *pattern.Error
	if !errors.As(err, &refused) || strings.ContainsAny(text, "\n\t") || len(text) > 200 {
		return fmt.Errorf("pattern: %w", err)
	}
	column := utf8.RuneCountInString(text[:min(refused.Offset, len(text))])
	return fmt.Errorf("pattern: %w\n    %s\n    %s^", err, text, strings.Repeat(" ", column))
}

func warn(w io.Writer, patterns []*pattern.Pattern) {
	for _, p := range patterns {
		for _, x := range pattern.Lint(p, nil) {
			fmt.Fprintf(w, "sluice: warning: pattern %s: at %d: %s\n", p, x.Offset, x.Text)
		}
	}
}

// filterRun is one run over all files.
type filterRun struct {
	c        *filterCommand
	p        *process
	search   *grep.Search
	selected bool
	trouble  bool
}

func (r *filterRun) config(patterns []*pattern.Pattern) grep.Config {
	c := r.c
	terminal := obs.IsTerminal(r.p.stdout)
	cfg := grep.Config{
		Patterns: patterns, Invert: c.Invert, Limit: c.MaxCount,
		Count: c.Count, Explain: c.Explain, Numbers: c.LineNumber,
		Names:  c.WithFilename || len(c.Files) > 1 && !c.NoFilename,
		Color:  c.Color == "always" || c.Color == "auto" && terminal && wantsColor(r.p.environ),
		Prompt: c.LineBuffered || terminal, Workers: c.Jobs,
		MaxLine: c.MaxLine, Long: r.long,
	}
	if c.Output == "json" {
		cfg.Form, cfg.Color = grep.JSON, false
	}
	return cfg
}

// wantsColor: NO_COLOR and TERM=dumb are how people say that they do not.
func wantsColor(environ []string) bool {
	for _, v := range environ {
		if name, value, _ := strings.Cut(v, "="); name == "NO_COLOR" && value != "" || v == "TERM=dumb" {
			return false
		}
	}
	return true
}

func (r *filterRun) long(name string, offset int64) {
	r.failed(fmt.Errorf("%s: the line at byte %d is longer than %d bytes and was left out; --max-line takes more", name, offset, r.c.MaxLine))
}

// failed reports what does not stop the run. It and long are called by one
// goroutine at a time.
func (r *filterRun) failed(err error) {
	r.trouble = true
	fmt.Fprintln(r.p.stderr, "sluice:", err)
}

func (r *filterRun) run() error {
	files := r.c.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := r.file(name); err != nil {
			return r.end(err)
		}
	}
	return r.end(r.search.Flush())
}

// file searches one file. The error is one of the output.
func (r *filterRun) file(name string) error {
	var in io.Reader = r.p.stdin
	if name == "-" {
		name = "(standard input)"
	} else {
		f, err := os.Open(name)
		if err != nil {
			r.failed(err)
			return nil
		}
		defer f.Close()
		in = f
	}
	n, err := r.search.File(name, in)
	r.selected = r.selected || n > 0
	var output *grep.OutputError
	if errors.As(err, &output) {
		return err
	}
	if err != nil {
		r.failed(fmt.Errorf("%s: %w", name, withoutPath(err)))
	}
	return nil
}

// withoutPath drops what os adds to an error and is said already.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// end turns what happened into an exit code. Nobody is told that the reader of
// a pipe has left: it did so because it had enough.
func (r *filterRun) end(err error) error {
	switch {
	case errors.Is(err, syscall.EPIPE):
	case err != nil:
		return &exitError{exitTrouble, err}
	case r.trouble:
		return &exitError{code: exitTrouble}
	}
	if !r.selected {
		return &exitError{code: exitNone}
	}
	return nil
}
