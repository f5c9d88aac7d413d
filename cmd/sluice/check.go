package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/cmd/sluice/internal/check"
	"sluice/internal/app"
	"sluice/internal/obs"
	"sluice/internal/vfs"
)

type checkCommand struct {
	DataDir string `arg:"" name:"data-dir" help:"Data folder of a server that is not running."`
	Output  string `short:"o" enum:"text,json" default:"text" help:"Form of the output: text or json."`
}

func (*checkCommand) Help() string {
	return `Reads everything in a data folder, checks every checksum and prints what is there and what
is damaged, with file and offset: the definitions, the log frame by frame, the compacted
files with their indexes and filters, and whether the batches are there that matches refer
to. It changes nothing, and refuses a folder that a server is using.

Damage costs what lies in it: the server goes around it and delivers the rest. What a
crash left half-written behind the last acknowledged frame is no damage.

Examples:

    sluice check ./sluice-data
    sluice check /backup/sluice-data -o json | jq '.damage[] | [.file, .offset, .what]'

Exit codes: 0 sound; 1 damage was found, or the folder could not be read; 2 wrong command
line, no data folder, or one that is in use.`
}

func (c *checkCommand) Run(p *process) error {
	lock, err := app.LockDataDir(vfs.OS, c.DataDir)
	if err != nil {
		return usage(err)
	}
	defer lock.Close() // nothing was written

	checker := check.New(vfs.OS, c.DataDir)
	done := showCheck(p.stderr, checker)
	report, err := checker.Run()
	done()
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = json.NewEncoder(p.stdout).Encode(report)
	} else {
		err = printCheck(p.stdout, &report)
	}
	if err == nil && !report.Sound {
		err = &exitError{code: exitFailed}
	}
	return err
}

// showCheck tells on a terminal how far a check is, until done is called.
func showCheck(w io.Writer, c *check.Checker) (done func()) {
	if !obs.IsTerminal(w) {
		return func() {}
	}
	bar := newBar(w, c.Total())
	bar.Describe("check")
	return every(200*time.Millisecond, func() { bar.Set64(c.Read()) }, func() {
		bar.Finish()
		fmt.Fprintln(w)
	})
}

// printCheck prints the parts as a table, then each damage as a line.
func printCheck(w io.Writer, r *check.Report) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tFILES\tBYTES\tHOLDS\tDAMAGE")
	for _, part := range r.Parts {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\n", part.Part, part.Files, part.Bytes, holds(&part), part.Damaged)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, d := range r.Damage {
		if _, err := fmt.Fprintln(w, damageLine(&d)); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "damaged: %s more\n", count(int64(r.Omitted), "place"))
	}
	if r.Gone > 0 {
		fmt.Fprintf(w, "%d references are to batches that retention, a deletion or the disk budget removed\n", r.Gone)
	}
	verdict := "sound"
	if !r.Sound {
		verdict = "damaged"
	}
	_, err := fmt.Fprintf(w, "%s is %s\n", r.DataDir, verdict)
	return err
}

// holds says what can be read of a part.
func holds(p *check.Part) string {
	var counts []string
	add := func(n uint64, what string) {
		if n > 0 {
			counts = append(counts, count(int64(n), what))
		}
	}
	add(uint64(p.Definitions), "definition")
	add(p.Frames, "frame")
	add(p.Batches, "batch")
	add(p.Events, "event")
	add(p.References, "reference")
	if len(counts) == 0 {
		return "-"
	}
	return strings.Join(counts, ", ")
}

func damageLine(d *check.Damage) string {
	place := d.Part
	if d.File != "" {
		place = d.File
	}
	if d.Bytes > 0 {
		place += fmt.Sprintf(", %d bytes at %d", d.Bytes, d.Offset)
	}
	lost := ""
	if d.Lost > 0 {
		lost = fmt.Sprintf(" (%d lost, positions %d to %d)", d.Lost, d.First, d.Last)
	}
	return "damaged: " + place + ": " + d.What + lost
}
