package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/obs"
)

type tailCommand struct {
	Group string `arg:"" help:"Log group: its name or its ARN."`

	Pattern      string   `short:"e" placeholder:"PATTERN" help:"Only events that this filter pattern selects."`
	Stream       []string `placeholder:"NAME" sep:"none" help:"Only this log stream; may be given up to 100 times."`
	StreamPrefix string   `placeholder:"PREFIX" help:"Only log streams whose names begin so."`
	Since        string   `default:"10m" placeholder:"WHEN" help:"Begin so long ago (90s, 1h, 2d, 1w), or at an instant in RFC 3339 (${default})."`
	Follow       bool     `short:"f" help:"Go on with what is stored later, until interrupted."`
	Output       string   `short:"o" enum:"text,json" default:"text" help:"Form of the events: text, or json, one object a line."`
	EndpointURL  string   `name:"endpoint-url" placeholder:"URL" help:"Where to ask. Default: the SDK's own configuration (AWS_ENDPOINT_URL), else ${endpoint}, and never AWS unless named."`
}

func (*tailCommand) Help() string {
	return `Prints the events of a log group in the order of their timestamps: when, in which log
stream, and the message. On a terminal the first two are colored (unless NO_COLOR is set)
and control characters in messages are replaced.

With --follow it asks again every second, and prints each event once. Events whose
timestamps are more than five seconds older than the newest one (or than now) when they
arrive are not seen then; without --follow, or with StartLiveTail, they are. While the
service is away it is asked again, and said so once.

It speaks FilterLogEvents through the AWS SDK, so that it works with CloudWatch Logs, too.

Examples:

    sluice tail /shop/web
    sluice tail /shop/web --since 1h -e '{ $.status >= 500 }' --follow
    sluice tail /shop/app --stream-prefix web- -o json | jq -r .message
    sluice tail /shop/app --stream host-1 --stream host-2 --since 2026-01-02T03:04:05Z

Exit codes: 0 done, or interrupted while following; 1 failed; 2 wrong command line, log
group or filter pattern.`
}

// Validate is called by the parser.
func (c *tailCommand) Validate() error {
	if len(c.Stream) > 0 && c.StreamPrefix != "" {
		return errors.New("--stream and --stream-prefix exclude each other")
	}
	_, err := sinceTime(c.Since, time.Time{})
	return err
}

// sinceTime is the instant that --since means.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil && text != "" {
		unit := map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[text[len(text)-1]]
		var n int64
		if n, err = strconv.ParseInt(text[:len(text)-1], 10, 16); unit == 0 {
			err = strconv.ErrSyntax
		}
		ago = time.Duration(n) * unit
	}
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("--since is %q: give a time span like 90s, 1h, 2d or 1w, or an instant like 2026-01-02T03:04:05Z", text)
	}
	return now.Add(-ago), nil
}

func (c *tailCommand) Run(p *process) error {
	ctx, stop := interruptible()
	defer stop()
	return c.tail(ctx, p)
}

// tail runs until ctx ends, or without --follow until everything is printed.
func (c *tailCommand) tail(ctx context.Context, p *process) error {
	client, endpoint, err := ship.NewClient(ctx, c.EndpointURL, 1)
	if err != nil {
		return usage(err)
	}
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usage(err)
	}
	t := c.tailer(p, client, since)
	if c.Follow {
		err = t.follow(ctx)
	} else {
		err = t.pass(ctx)
	}
	return c.verdict(err, endpoint)
}

func (c *tailCommand) tailer(p *process, client *cloudwatchlogs.Client, since time.Time) *tailer {
	return &tailer{
		client: client, input: c.input(), since: since.UnixMilli(), pause: tailPause,
		out: newEventPrinter(p, c.Output), seen: make(map[string]int64), stderr: p.stderr,
	}
}

func (c *tailCommand) input() cloudwatchlogs.FilterLogEventsInput {
	in := cloudwatchlogs.FilterLogEventsInput{LogStreamNames: c.Stream}
	if strings.HasPrefix(c.Group, "arn:") {
		in.LogGroupIdentifier = aws.String(strings.TrimSuffix(c.Group, ":*"))
	} else {
		in.LogGroupName = &c.Group
	}
	if c.Pattern != "" {
		in.FilterPattern = &c.Pattern
	}
	if c.StreamPrefix != "" {
		in.LogStreamNamePrefix = &c.StreamPrefix
	}
	return in
}

// verdict turns the end of a run into an exit code.
func (c *tailCommand) verdict(err error, endpoint string) error {
	var missing *types.ResourceNotFoundException
	var invalid *types.InvalidParameterException
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && c.Follow:
		return nil // how following ends
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &missing):
		return usage(fmt.Errorf("%s: %s", c.Group, missing.ErrorMessage()))
	case errors.As(err, &invalid):
		return usage(errors.New(invalid.ErrorMessage()))
	}
	return ship.Plain(err, endpoint)
}

const (
	tailPause = time.Second
	// tailLookBack is how late an event may come and still be seen by --follow:
	// each pass asks for so much again.
	tailLookBack = 5 * time.Second
)

// tailer prints events, each once.
type tailer struct {
	client *cloudwatchlogs.Client
	input  cloudwatchlogs.FilterLogEventsInput
	since  int64 // ms: where a pass begins
	newest int64 // ms: of what was printed
	pause  time.Duration
	out    *eventPrinter
	seen   map[string]int64 // timestamps of what was printed, by event id, from since on
	stderr io.Writer
}

// pass prints what is stored now and was not printed before.
func (t *tailer) pass(ctx context.Context) error {
	in := t.input
	in.StartTime = &t.since
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(t.client, &in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("filter log events: %w", err)
		}
		for _, e := range page.Events {
			id, at := aws.ToString(e.EventId), aws.ToInt64(e.Timestamp)
			if _, printed := t.seen[id]; printed {
				continue
			}
			t.seen[id] = at
			t.newest = max(t.newest, at)
			if err := t.out.print(e); err != nil {
				return err
			}
		}
		if err := t.out.flush(); err != nil {
			return err
		}
	}
	return nil
}

// follow passes again and again. A service that was there and went away is
// waited for.
func (t *tailer) follow(ctx context.Context) error {
	away := false
	for began := false; ; {
		err := t.pass(ctx)
		switch {
		case err == nil:
			began, away = true, false
			t.advance(time.Now().UnixMilli())
		case !began || ctx.Err() != nil || !transient(err):
			return err
		case !away:
			away = true
			fmt.Fprintf(t.stderr, "sluice: %v; asking again\n", ship.Plain(err, ""))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(t.pause):
		}
	}
}

// advance moves the beginning of the next pass, and forgets what lies before it.
// Events of the future hold it up no more than those of now.
func (t *tailer) advance(now int64) {
	t.since = max(t.since, min(t.newest, now)-tailLookBack.Milliseconds())
	maps.DeleteFunc(t.seen, func(_ string, at int64) bool { return at < t.since })
}

// transient tells of an error that the SDK repeats by itself, three times.
func transient(err error) bool {
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

// eventPrinter writes events for people or for programs.
type eventPrinter struct {
	w     *bufio.Writer
	json  *json.Encoder // nil for text
	color bool          // on a terminal
	guard bool          // messages must not speak to the terminal
}

func newEventPrinter(p *process, form string) *eventPrinter {
	out := &eventPrinter{w: bufio.NewWriterSize(p.stdout, 64<<10)}
	if form == "json" {
		out.json = json.NewEncoder(out.w)
		out.json.SetEscapeHTML(false)
		return out
	}
	out.guard = obs.IsTerminal(p.stdout)
	out.color = out.guard && wantsColor(p.environ)
	return out
}

// printedEvent has the member names of FilterLogEvents.
type printedEvent struct {
	EventID       *string `json:"eventId"`
	IngestionTime *int64  `json:"ingestionTime"`
	LogStreamName *string `json:"logStreamName"`
	Message       *string `json:"message"`
	Timestamp     *int64  `json:"timestamp"`
}

const (
	colorTime   = "\x1b[32m"
	colorStream = "\x1b[36m"
	colorOff    = "\x1b[0m"
)

func (p *eventPrinter) print(e types.FilteredLogEvent) error {
	if p.json != nil {
		return p.json.Encode(printedEvent{e.EventId, e.IngestionTime, e.LogStreamName, e.Message, e.Timestamp})
	}
	at := time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC().Format("2006-01-02T15:04:05.000Z")
	stream, message := aws.ToString(e.LogStreamName), strings.TrimSuffix(aws.ToString(e.Message), "\n")
	if p.guard {
		stream, message = printable(stream), printable(message)
	}
	if p.color {
		at, stream = colorTime+at+colorOff, colorStream+stream+colorOff
	}
	_, err := fmt.Fprintf(p.w, "%s %s %s\n", at, stream, message)
	return err
}

// printable replaces what a terminal would take for a command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\n' {
			return '\uFFFD'
		}
		return r
	}, text)
}

func (p *eventPrinter) flush() error { return p.w.Flush() }
