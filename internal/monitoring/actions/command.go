package actions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Command runs a program for each notification, without a shell. It gets SNS's
// envelope, unsigned, on its standard input, and has succeeded when it exits
// with 0.
type Command struct {
	Argv    []string
	Timeout time.Duration // default 30 s; the program is killed then
}

const (
	commandTimeout = 30 * time.Second
	// commandGrace is how long a killed program's children may hold its output.
	commandGrace = time.Second
	// maxOutput is what is kept of a program's last words.
	maxOutput = 500
)

// String implements Target.
func (c *Command) String() string { return "command " + c.Argv[0] }

// Send implements Target.
func (c *Command) Send(ctx context.Context, n Notification) error {
	limit := c.Timeout
	if limit == 0 {
		limit = commandTimeout
	}
	stdin, err := encode(envelope(n))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.WaitDelay = commandGrace
	cmd.Stdin = bytes.NewReader(stdin)
	said := &lastBytes{}
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("it ran longer than %s", limit)
	}
	if err != nil {
		return fmt.Errorf("%w: %q", err, strings.TrimSpace(string(said.kept)))
	}
	return nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ kept []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - maxOutput; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	return len(p), nil
}
