package bench

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTable prints a result for people, as Markdown that also reads as text.
func (r *Result) WriteTable(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "%s/%s, %d cores, %s, %s, encoding/json.Valid %.0f MB per CPU-second; %s corpus; %s\n",
		m.OS, m.Arch, m.Cores, m.CPU, m.Go, m.JSONValid, r.Corpus, r.Time.Format("2006-01-02 15:04 MST"))
	var errs []error
	if len(r.Stages) > 0 {
		errs = append(errs, r.writeStages(w))
	}
	if len(r.Paths) > 0 {
		fmt.Fprintln(w, map[bool]string{true: "\nPaths with compaction of the log.\n", false: "\nPaths without compaction of the log, which is the stage above and runs on idle cores (--compaction counts it).\n"}[r.Compaction])
		errs = append(errs, r.writePaths(w))
	}
	for _, c := range r.Growth {
		errs = append(errs, c.write(w))
	}
	if len(r.Latencies) > 0 {
		errs = append(errs, r.writeLatencies(w))
	}
	for _, c := range r.Rivals {
		errs = append(errs, c.write(w))
	}
	for i, text := range r.LeftOut {
		if i == 0 {
			fmt.Fprint(w, "\nLeft out:\n\n")
		}
		fmt.Fprintln(w, "-", text)
	}
	return errors.Join(errs...)
}

// table writes rows of cells, the first of them the heads.
func table(w io.Writer, rows ...[]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for i, cells := range rows {
		fmt.Fprintln(t, "| "+strings.Join(cells, "\t| ")+"\t|")
		if i == 0 {
			fmt.Fprintln(t, strings.Repeat("|---\t", len(cells))+"|")
		}
	}
	return t.Flush()
}

func (r *Result) writeStages(w io.Writer) error {
	rows := [][]string{{"stage", "ns/byte", "MB/cpu-s"}}
	for _, s := range r.Stages {
		rows = append(rows, []string{s.Name, number(s.NanosPerByte, 2), number(1e3/s.NanosPerByte, 0)})
	}
	fmt.Fprintln(w)
	return table(w, rows...)
}

func (r *Result) writePaths(w io.Writer) error {
	rows := [][]string{{"path", "MB/cpu-s", "cpu-s/GB", "of stages", "MB/s wall", "ack p50", "p99", "p99.9 ms", "RSS MiB", "written/byte", "allocs/event", "events"}}
	for _, p := range r.Paths {
		rows = append(rows, []string{
			p.Name, number(p.MBPerCPUSecond, 0), number(p.CPUSecondsPerGB, 2), number(p.OfStages, 2), number(p.wallMB(), 0),
			ms(p.Ack.P50), ms(p.Ack.P99), ms(p.Ack.P999), p.rss(), number(p.WrittenPerByte, 2), number(p.AllocsPerEvent, 3),
			fmt.Sprintf("%d = %d", p.Selected, p.Delivered),
		})
	}
	return table(w, rows...)
}

func (c *Curve) write(w io.Writer) error {
	rows := [][]string{{c.Of, "MB/cpu-s", "cpu-s/GB", "of the first", "MB/s wall", "ack p50", "p99 ms", "RSS MiB", "written/byte", "allocs/event", "events"}}
	for _, p := range c.Points {
		rows = append(rows, []string{
			number(p.At, 0), number(p.MBPerCPUSecond, 0), number(p.CPUSecondsPerGB, 2), number(p.MBPerCPUSecond/c.Points[0].MBPerCPUSecond, 2),
			number(p.wallMB(), 0), ms(p.Ack.P50), ms(p.Ack.P99), p.rss(), number(p.WrittenPerByte, 2), number(p.AllocsPerEvent, 3),
			fmt.Sprintf("%d = %d", p.Selected, p.Delivered),
		})
	}
	path := ""
	if len(c.Points) > 0 {
		path = ": " + c.Points[0].Name
	}
	fmt.Fprintf(w, "\nGrowth over %s%s\n\n", c.Name, path)
	return table(w, rows...)
}

func (r *Result) writeLatencies(w io.Writer) error {
	rows := [][]string{{"path", "requests/s", "of at most", "ack p50", "p99", "p99.9", "max ms", "sent late p99", "disk p50", "p99", "p99.9 ms", "p99 above the disk's, ms"}}
	for _, h := range r.Latencies {
		rows = append(rows, []string{
			h.Name, number(h.PerSecond, 1), number(h.MostPerSecond, 1), ms(h.Ack.P50), ms(h.Ack.P99), ms(h.Ack.P999), ms(h.Ack.Max), ms(h.Late.P99),
			ms(h.Disk.P50), ms(h.Disk.P99), ms(h.Disk.P999), number(h.AboveDisk, 1),
		})
	}
	fmt.Fprint(w, "\nDurable acknowledgement of an open loop beside the disk's own write and sync of as many bytes\n\n")
	return table(w, rows...)
}

func (c *Contest) write(w io.Writer) error {
	rows := [][]string{{"program", "cpu-s/GB", "of sluice", "MB/s wall", "RSS MiB", "output MB", "lines", "apart"}}
	for _, p := range c.Contestants {
		lines := "-"
		if p.Lines >= 0 {
			lines = fmt.Sprintf("%d = %d", c.Expected, p.Lines)
		}
		rows = append(rows, []string{
			p.Name, number(p.CPUSecondsPerGB, 2), number(p.OfSluice, 1), number(float64(c.InputBytes)/1e6/p.WallSeconds, 0),
			number(float64(p.PeakRSSBytes)/(1<<20), 0), number(float64(p.OutputBytes)/1e6, 1), lines, p.Apart,
		})
	}
	fmt.Fprintf(w, "\n%s: %s; %d events, %.0f MB\n\n", c.Workload, c.Task, c.InputEvents, float64(c.InputBytes)/1e6)
	return table(w, rows...)
}

func (p *Path) wallMB() float64 { return float64(p.MessageBytes) / 1e6 / p.WallSeconds }

func (p *Path) rss() string { return number(float64(p.PeakRSSBytes)/(1<<20), 0) }

func number(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// ms leaves out what was not measured.
func ms(v float64) string {
	if v == 0 {
		return "-"
	}
	return number(v, 1)
}
