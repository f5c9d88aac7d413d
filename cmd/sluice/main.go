package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	_ "time/tzdata" // time zones of prefixes, on machines that have none

	"github.com/alecthomas/kong"

	"sluice/cmd/sluice/internal/ship"
)

// commands are what follows "sluice" on the command line.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Run the server."`
	Filter   filterCommand   `cmd:"" help:"Print the lines of files that filter patterns select, as grep does."`
	Ship     shipCommand     `cmd:"" help:"Send the lines of files, or of standard input, as log events."`
	Tail     tailCommand     `cmd:"" help:"Print the events of a log group, and follow it."`
	Bench    benchCommand    `cmd:"" help:"Measure this machine: CPU time of whole paths beside their stages; and torture."`
	Export   exportCommand   `cmd:"" help:"Export log groups into a bucket, by tasks."`
	Check    checkCommand    `cmd:"" help:"Look for damage in the data folder of a server that is not running."`
	Verify   verifyCommand   `cmd:"" help:"Prove by its manifests what a bucket holds of delivery streams."`
	Replay   replayCommand   `cmd:"" help:"Put the records of error objects back into a delivery stream."`
	Replicas replicasCommand `cmd:"" help:"Tell how far the copies of other sluices' logs are."`
	Version  versionCommand  `cmd:"" help:"Print the version."`

	Quickstart quickstartCommand `cmd:"" help:"Run a server with a pipeline and watch logs travel through it."`
}

// Exit codes; see the package comment.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

// process is what a command gets from outside.
type process struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	environ []string
}

// exitError is an error with an exit code other than exitFailed. Without an
// error inside, everything has been said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as one of the command line or of the configuration.
func usage(err error) error { return &exitError{code: exitUsage, err: err} }

func main() {
	os.Exit(run(os.Args[1:], &process{
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		environ: os.Environ(),
	}))
}

// run executes one command line and returns its exit code.
func run(args []string, p *process) int {
	parser, err := newParser(&commands{}, p)
	if err != nil {
		panic(err) // a malformed tag in commands, seen by every test
	}
	context, err := parser.Parse(args)
	if err != nil {
		return p.report(usage(fmt.Errorf("%w; %q tells more", err, helpFor(err))))
	}
	return p.report(context.Run(p))
}

func newParser(c *commands, p *process) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("sluice"),
		kong.Description("CloudWatch Logs' streaming side: log events in, filtered, delivered exactly once."),
		kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"endpoint": ship.DefaultEndpoint},
	)
}

// helpFor is the command line that explains what was mistaken.
func helpFor(err error) string {
	words := []string{"sluice"}
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			words[0] = node.FullPath()
		}
	}
	return strings.Join(append(words, "--help"), " ")
}

// report prints an error, each of its lines as one, and gives the exit code.
func (p *process) report(err error) int {
	if err == nil {
		return exitDone
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(p.stderr, "sluice: "+strings.TrimSuffix(line, "\n"))
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFailed
}
