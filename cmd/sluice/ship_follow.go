package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/cmd/sluice/internal/agent"
	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/obs"
)

// followFlags are those of sluice ship --follow.
type followFlags struct {
	Follow         bool          `short:"f" help:"Follow the files, which may be patterns such as '/var/log/*.log', through rotation and restarts."`
	Once           bool          `help:"With --follow: leave when everything is read and acknowledged; the next run goes on from there."`
	State          string        `placeholder:"DIR" help:"Where positions are kept. Default: one folder for each log group below $$XDG_STATE_HOME/sluice/ship."`
	From           string        `enum:"start,end" default:"start" help:"Where to begin in files that are there at the very first start: start or end (${default})."`
	Exclude        []string      `placeholder:"PATTERN" help:"Files to leave alone; .gz, .zst, .bz2, .xz, .lz4 and .zip always are."`
	MultilineStart string        `placeholder:"REGEX" help:"A record begins at a line that matches, and has all lines up to the next one."`
	MaxLines       int           `default:"1000" placeholder:"N" help:"Most lines of a record (${default})."`
	FlushTimeout   time.Duration `default:"5s" help:"When text that ends no line, or no record, is sent nevertheless (${default})."`
	Oversize       string        `enum:"split,truncate" default:"split" help:"What becomes of a record above --max-event: split or truncate (${default})."`
	MaxEvent       int           `default:"1048550" placeholder:"N" help:"Longest message in bytes (${default})."`
	RotateWait     time.Duration `default:"10s" help:"How long a file that was renamed or deleted is followed after its last growth (${default})."`
	Poll           time.Duration `default:"250ms" help:"Time between two looks at the files; four times that when nothing happens (${default})."`
	Quarantine     string        `placeholder:"FILE" help:"Where events go that the service refuses, as lines of JSON."`
	StatusEvery    time.Duration `default:"1m" help:"Time between two lines of status on standard error; 0 is never (${default})."`
	Grace          time.Duration `default:"10s" help:"How long a stop waits for acknowledgements (${default})."`
}

// validateFollow finds what is wrong before anything is started.
func (c *shipCommand) validateFollow() error {
	for _, name := range c.Files {
		if name == "-" {
			return errors.New("--follow takes files, and - is standard input: leave --follow out")
		}
	}
	if _, err := c.agentConfig(nil); err != nil {
		return err
	}
	return nil
}

func (c *shipCommand) agentConfig(log *slog.Logger) (agent.Config, error) {
	cfg := agent.Config{
		Patterns:       c.Files,
		Exclude:        c.Exclude,
		StateFolder:    c.State,
		LogGroupName:   c.Group,
		StreamTemplate: c.Stream,
		Shape: agent.Shape{MaxEvent: c.MaxEvent, Truncate: c.Oversize == "truncate", MultilineStart: c.MultilineStart,
			MaxLines: c.MaxLines, Stamp: c.stampRule()},
		FromEnd:      c.From == "end",
		Limits:       ship.Limits{Bytes: c.BatchBytes, Events: c.BatchEvents},
		Linger:       c.Linger,
		Poll:         c.Poll,
		FlushTimeout: c.FlushTimeout,
		RotateWait:   c.RotateWait,
		Grace:        c.Grace,
		Connections:  c.Connections,
		Once:         c.Once,
		Quarantine:   c.Quarantine,
		Logger:       log,
	}
	_, err := agent.New(cfg, nil) // checks
	return cfg, err
}

// follow is ship --follow.
func (c *shipCommand) follow(p *process) error {
	ctx, stop := interruptible()
	defer stop()
	log, err := obs.NewLogger(p.stderr, "info")
	if err != nil {
		return err
	}
	if c.State == "" {
		if c.State, err = stateFolder(c.Group); err != nil {
			return usage(err)
		}
	}
	sdk, endpoint, err := ship.NewClient(ctx, c.EndpointURL, c.Connections)
	if err != nil {
		return usage(err)
	}
	cfg, err := c.agentConfig(log)
	if err != nil {
		return usage(err)
	}
	a, err := agent.New(cfg, agent.NewSDKClient(sdk, endpoint, c.Group, c.CreateGroup && !c.NoCreate, !c.NoCreate))
	if err != nil {
		return usage(err)
	}
	done := func() {}
	if c.StatusEvery > 0 {
		done = every(c.StatusEvery, func() { printStatusLine(p.stderr, c.Output, a.Status()) }, func() {})
	}
	err = a.Run(ctx)
	done()
	status := a.Status()
	if errors.Is(err, agent.ErrLocked) {
		return usage(err)
	}
	err = errors.Join(err, printFollowed(p.stdout, c.Output, status))
	if refused := status.Rejected.Total() + status.Invalid; err == nil && c.Once && refused > 0 {
		return &exitError{exitRefused, fmt.Errorf("%d of %d events were refused", refused, status.Sent)}
	}
	return err
}

// stateFolder is the default of --state.
func stateFolder(group string) (string, error) {
	top := os.Getenv("XDG_STATE_HOME")
	if top == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for the positions: give --state (%w)", err)
		}
		top = filepath.Join(home, ".local", "state")
	}
	// Names of log groups have no %, so no two of them meet here.
	return filepath.Join(top, "sluice", "ship", strings.ReplaceAll(group, "/", "%")), nil
}

func printStatusLine(w io.Writer, form string, s agent.Status) {
	if form == "json" {
		json.NewEncoder(w).Encode(s)
		return
	}
	fmt.Fprintf(w, "files %d, read %d bytes, sent %d events, acknowledged %d, rejected %d, retries %d, waiting %d bytes, lost %d bytes\n",
		s.Files, s.Read, s.Sent, s.Acknowledged, s.Rejected.Total()+s.Invalid, s.Retries, s.Waiting, s.Lost)
}

func printFollowed(w io.Writer, form string, s agent.Status) error {
	if form == "json" {
		return json.NewEncoder(w).Encode(s)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		label  string
		n      int64
		always bool
	}{
		{"files", s.Files, true}, {"bytes read", s.Read, true}, {"events sent", s.Sent, true},
		{"acknowledged", s.Acknowledged, true}, {"requests", s.Requests, true}, {"rejected", s.Rejected.Total(), true},
		{"invalid", s.Invalid, false}, {"bytes waiting", s.Waiting, true}, {"retries", s.Retries, false},
		{"bytes lost", s.Lost, false}, {"doubtful batches", s.Doubtful, false}, {"empty lines", s.Lines.Empty, false},
		{"split", s.Lines.Split, false}, {"truncated", s.Lines.Truncated, false}, {"repaired UTF-8", s.Lines.Repaired, false},
		{"without a time", s.Lines.Undated, false}, {"without an end", s.Lines.Partial, false},
	} {
		if row.n != 0 || row.always {
			fmt.Fprintf(table, "%s\t%d\t\n", row.label, row.n)
		}
	}
	return table.Flush()
}
