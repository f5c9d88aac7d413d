package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"text/tabwriter"
	"time"
)

type replicasCommand struct {
	Admin  string `default:"http://127.0.0.1:4590" placeholder:"URL" help:"Admin port of the server (${default})."`
	Output string `short:"o" enum:"text,json" default:"text" help:"Form of the result: text or json."`
}

func (*replicasCommand) Help() string {
	return `Tells how far the copies of other sluices' logs are: for each source and shard the positions
that were wanted, those that are not here yet, and those that the source had lost before.

Examples:

    sluice replicas
    sluice replicas -o json

Exit codes: 0 all copies are complete, 1 some are not or it failed, 2 wrong command line.`
}

// replicaShard is what is printed of one shard's copy.
type replicaShard struct {
	OriginID string                      `json:"originId"`
	Shard    uint32                      `json:"shard"`
	Start    uint64                      `json:"start"`
	End      uint64                      `json:"end"`
	Gaps     []struct{ From, To uint64 } `json:"gaps"`
	Missing  uint64                      `json:"missing"`
	Lag      uint64                      `json:"lag"`
	Backlog  uint64                      `json:"backlog"`
	Delay    time.Duration               `json:"delayNanoseconds"`
	Stopped  bool                        `json:"stopped"`
	Problem  string                      `json:"problem"`
}

// state is one word for what a shard's copy is doing.
func (s replicaShard) state() string {
	switch {
	case s.Stopped:
		return "stopped"
	case s.Missing > 0:
		return "incomplete"
	case len(s.Gaps) > 0:
		return "behind"
	}
	return "complete"
}

// errIncomplete has been told in full.
var errIncomplete = &exitError{code: exitFailed}

// Run prints the report.
func (c *replicasCommand) Run(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	body, err := getReplicas(ctx, c.Admin)
	if err != nil {
		return err
	}
	var sources []struct {
		Source    string         `json:"source"`
		Connected bool           `json:"connected"`
		Problem   string         `json:"problem"`
		Shards    []replicaShard `json:"shards"`
	}
	if err := json.Unmarshal(body, &sources); err != nil {
		return fmt.Errorf("read the server's report: %w", err)
	}
	complete := true
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	if c.Output == "text" && len(sources) == 0 {
		fmt.Fprintln(table, "no copies are made here: crossregion.sources is empty")
	} else if c.Output == "text" {
		fmt.Fprintln(table, "SOURCE\tORIGIN\tSHARD\tSTATE\tTAKEN\tLAG\tBACKLOG\tMISSING\tDELAY\tPROBLEM")
	}
	for _, s := range sources {
		complete = complete && s.Connected && len(s.Shards) > 0
		if len(s.Shards) == 0 && c.Output == "text" {
			fmt.Fprintf(table, "%s\t-\t-\tunknown\t-\t-\t-\t-\t-\t%s\n", s.Source, s.Problem)
		}
		for _, sh := range s.Shards {
			complete = complete && sh.state() == "complete"
			if c.Output == "text" {
				fmt.Fprintf(table, "%s\t%.8s\t%d\t%s\t[%d,%d)\t%d\t%d\t%d\t%v\t%s\n", s.Source, sh.OriginID, sh.Shard, sh.state(), sh.Start, sh.End,
					sh.Lag, sh.Backlog, sh.Missing, sh.Delay.Round(time.Millisecond), sh.Problem)
			}
		}
	}
	if c.Output == "json" {
		_, err = p.stdout.Write(body)
	} else {
		err = table.Flush()
	}
	if err == nil && !complete {
		return errIncomplete
	}
	return err
}

func getReplicas(ctx context.Context, admin string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/replicas", nil)
	if err != nil {
		return nil, usage(err)
	}
	resp, err := http.DefaultClient.Do(r)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return nil, fmt.Errorf("nothing answers at %s: start sluice serve, or give --admin", admin)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	return body, nil
}
