package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/obs"
)

// exitTimeout is the exit code of waiting that was given up.
const exitTimeout = 4

// exporter is what the subcommands of export share.
type exporter struct {
	client *exportClient
	stdout io.Writer
	stderr io.Writer
	json   bool
	poll   time.Duration // between two questions, at most
	lines  time.Duration // between two lines of progress
}

// with runs a subcommand and turns its error into an exit code.
func (o *exportOutput) with(p *process, do func(context.Context, *exporter) error) error {
	ctx, stop := interruptible()
	defer stop()
	client, err := newExportClient(ctx, o.EndpointURL)
	if err != nil {
		return usage(err)
	}
	err = do(ctx, &exporter{client, p.stdout, p.stderr, o.Output == "json", time.Second, 5 * time.Second})
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; the task goes on")
	}
	return exportVerdict(err, client.endpoint)
}

func exportVerdict(err error, endpoint string) error {
	var refused *exportError
	if !errors.As(err, &refused) {
		if err != nil {
			return ship.Plain(err, endpoint)
		}
		return nil
	}
	switch refused.Code {
	case "InvalidParameterException", "ResourceNotFoundException":
		return usage(err)
	case "InvalidOperationException":
		return &exitError{exitRefused, err}
	case "LimitExceededException":
		return &exitError{exitRefused, fmt.Errorf("%w: another export task has not ended; sluice export list shows it", err)}
	case "UnknownOperationException":
		return fmt.Errorf("%s does not know %s, which is sluice's own", endpoint, refused.Operation)
	}
	if hint := ship.Hint(err, endpoint); hint != "" {
		return fmt.Errorf("%w\n%s", err, hint)
	}
	return err
}

// wait asks until the task has ended, or the timeout is over.
func (x *exporter) wait(ctx context.Context, id string, timeout time.Duration) error {
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	t, err := x.follow(ctx, id)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return &exitError{exitTimeout, fmt.Errorf("task %s has not ended within %v; it goes on", id, timeout)}
	case err != nil:
		return err
	}
	if err := x.print(&t); err != nil {
		return err
	}
	switch t.Status.Code {
	case "FAILED":
		return fmt.Errorf("task %s failed: %s", id, t.Status.Message)
	case "CANCELLED":
		return &exitError{exitRefused, fmt.Errorf("task %s was cancelled", id)}
	}
	return nil
}

func (x *exporter) follow(ctx context.Context, id string) (exportTask, error) {
	show := x.progress()
	defer show.end()
	away := false
	for pause := x.poll / 16; ; pause = min(x.poll, 2*pause) { // small tasks end at once
		t, err := x.client.describe(ctx, id)
		var refused *exportError
		switch {
		case ctx.Err() != nil:
			return t, ctx.Err()
		case errors.As(err, &refused) && !refused.passes():
			return t, err
		case err != nil && !away:
			away = true
			show.say("asking again: " + err.Error())
		case err == nil:
			away = false
			show.look(&t)
			if t.ended() {
				return t, nil
			}
		}
		select {
		case <-ctx.Done():
			return t, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// exportShow tells how far a task is: over and over in one line of a terminal,
// in a line now and then elsewhere.
type exportShow struct {
	w        io.Writer
	terminal bool
	every    time.Duration
	began    time.Time
	first    int64 // bytes when it began to look
	last     time.Time
}

func (x *exporter) progress() *exportShow {
	return &exportShow{w: x.stderr, terminal: obs.IsTerminal(x.stderr), every: x.lines}
}

func (s *exportShow) look(t *exportTask) {
	now := time.Now()
	if s.began.IsZero() {
		s.began, s.last = now, now
		if t.SluiceProgress != nil {
			s.first = t.SluiceProgress.Bytes
		}
	}
	line := exportLine(t, s.first, now.Sub(s.began))
	switch {
	case s.terminal:
		fmt.Fprintf(s.w, "\r\x1b[K%s %s", exportBar(t.SluiceProgress), line)
	case now.Sub(s.last) >= s.every:
		s.last = now
		fmt.Fprintln(s.w, line)
	}
}

func (s *exportShow) say(text string) {
	if s.terminal {
		fmt.Fprint(s.w, "\r\x1b[K")
	}
	fmt.Fprintln(s.w, "sluice: "+text)
}

func (s *exportShow) end() {
	if s.terminal && !s.began.IsZero() {
		fmt.Fprintln(s.w)
	}
}

// share guesses how much is done, 0 to 1. Bytes are of the whole log group, of
// which the task may want a part, and log streams are of any size: the greater
// of both is the better guess.
func (p *exportProgress) share() float64 {
	if p == nil {
		return 0
	}
	var streams, bytes float64
	if p.LogStreams > 0 {
		streams = float64(p.LogStreamsDone) / float64(p.LogStreams)
	}
	if p.ExportableBytes > 0 {
		bytes = min(0.99, float64(p.Bytes)/float64(p.ExportableBytes))
	}
	return max(streams, bytes)
}

const exportBarWidth = 24

func exportBar(p *exportProgress) string {
	full := int(p.share() * exportBarWidth)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", exportBarWidth-full) + "]"
}

// exportLine is the progress in words, after a time in which bytes grew from
// first.
func exportLine(t *exportTask, first int64, elapsed time.Duration) string {
	p := t.SluiceProgress
	if p == nil {
		return t.Status.Code
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d%%, %d events, %s in %d objects", t.Status.Code, int(100*p.share()), p.Events, amount(p.Bytes), p.Objects)
	if seconds := elapsed.Seconds(); seconds >= 1 && !t.ended() {
		rate := float64(p.Bytes-first) / seconds
		fmt.Fprintf(&b, ", %s/s", amount(int64(rate)))
		if left := float64(p.ExportableBytes - p.Bytes); rate > 0 && left > 0 && p.share() < 1 {
			left = min(left, float64(p.Bytes)*(1/p.share()-1))
			fmt.Fprintf(&b, ", about %v left", time.Duration(left/rate*float64(time.Second)).Round(time.Second))
		}
	}
	if p.Waiting != "" {
		fmt.Fprintf(&b, ", waiting: %s", printable(p.Waiting))
	}
	return b.String()
}

// amount is a number of bytes for people.
func amount(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// print shows one task.
func (x *exporter) print(t *exportTask) error {
	if x.json {
		return x.document(t)
	}
	table := tabwriter.NewWriter(x.stdout, 0, 0, 2, ' ', 0)
	row := func(label, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", label, printable(value))
		}
	}
	row("task", t.TaskID)
	row("name", t.TaskName)
	row("state", t.Status.Code)
	row("message", t.Status.Message)
	row("log group", t.LogGroupName)
	row("from", instant(t.From))
	row("to", instant(t.To))
	row("objects under", t.where())
	row("created", instant(t.ExecutionInfo.CreationTime))
	row("ended", instant(t.ExecutionInfo.CompletionTime))
	if p := t.SluiceProgress; p != nil {
		row("log streams", fmt.Sprintf("%d of %d", p.LogStreamsDone, p.LogStreams))
		row("objects", fmt.Sprintf("%d, %s", p.Objects, amount(p.ObjectBytes)))
		row("events", fmt.Sprintf("%d, %s", p.Events, amount(p.Bytes)))
		row("waiting", p.Waiting)
	}
	return table.Flush()
}

// where is the place of a task's objects.
func (t *exportTask) where() string {
	return "s3://" + strings.Join([]string{t.Destination, cmp.Or(t.DestinationPrefix, "exportedlogs"), t.TaskID}, "/")
}

// instant is a time for people, "" for none.
func instant(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

// document prints a task as the service did, in one line.
func (x *exporter) document(t *exportTask) error { return json.NewEncoder(x.stdout).Encode(t.raw) }

func (x *exporter) printList(tasks []exportTask) error {
	if x.json {
		for i := range tasks {
			if err := x.document(&tasks[i]); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(x.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TASK\tSTATE\tCREATED\tLOG GROUP\tEVENTS\tOBJECTS UNDER")
	for i := range tasks {
		t := &tasks[i]
		events := "-"
		if t.SluiceProgress != nil {
			events = fmt.Sprint(t.SluiceProgress.Events)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.TaskID, t.Status.Code, instant(t.ExecutionInfo.CreationTime), t.LogGroupName, events, printable(t.where()))
	}
	return table.Flush()
}
