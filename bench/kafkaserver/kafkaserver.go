// Package kafkaserver runs the program of bench/broker, a Kafka cluster in a
// process of its own, and tells it what to do.
//
// What enters: the program's file, its arguments and commands, one a line. What
// leaves: the address it listens at; a command is carried out when Tell returns.
// The process ends with Close, and with whoever started it: its standard input
// ends then. Nothing survives it.
package kafkaserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Name is what the program's file is called.
const Name = "sluice-bench-broker"

// Find looks for the program beside another file and in PATH; "" is nowhere.
func Find(beside string) string {
	file := filepath.Join(filepath.Dir(beside), Name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	file, err := exec.LookPath(Name)
	if err != nil {
		return ""
	}
	return file
}

// Process is a cluster that runs. Its methods are for one goroutine.
type Process struct {
	Address string // HOST:PORT of its first broker

	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
}

// Start starts the program and returns when it listens. The end of ctx kills it.
func Start(ctx context.Context, file string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, file, args...)}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", file, err)
	}
	p.answers = bufio.NewReader(stdout)
	line, err := p.answers.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not say where it listens: %w", file, err), p.Close())
	}
	p.Address = strings.TrimSpace(line)
	return p, nil
}

// Tell has the cluster carry out a command.
func (p *Process) Tell(command string) error {
	if _, err := fmt.Fprintln(p.stdin, command); err != nil {
		return fmt.Errorf("tell the broker %q: %w", command, err)
	}
	answer, err := p.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("tell the broker %q: %w", command, err)
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return fmt.Errorf("tell the broker %q: %s", command, answer)
	}
	return nil
}

// Signal sends the process a signal.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// Close ends the process and waits for it.
func (p *Process) Close() error { return errors.Join(p.stdin.Close(), p.cmd.Wait()) }
