package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable prints a result for people, as Markdown that also reads as text.
func (r *Result) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s/%s, %d cores, %s, %s; %s corpus; %s\n\n", r.Machine.OS, r.Machine.Arch, r.Machine.Cores, r.Machine.CPU, r.Machine.Go, r.Corpus, r.Time.Format("2006-01-02 15:04 MST"))
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| stage\t| ns/byte\t| MB/cpu-s\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|")
	for _, s := range r.Stages {
		fmt.Fprintf(t, "| %s\t| %.2f\t| %.0f\t|\n", s.Name, s.NanosPerByte, 1e3/s.NanosPerByte)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, map[bool]string{true: "\nPaths with compaction of the log.\n", false: "\nPaths without compaction of the log, which is the stage above and runs on idle cores (--compaction counts it).\n"}[r.Compaction])
	t = tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| path\t| MB/cpu-s\t| cpu-s/GB\t| of stages\t| MB/s wall\t| ack p50\t| p99\t| p99.9 ms\t| RSS MiB\t| written/byte\t| events\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, p := range r.Paths {
		fmt.Fprintf(t, "| %s\t| %.0f\t| %.2f\t| %.2f\t| %.0f\t| %.1f\t| %.1f\t| %.1f\t| %.0f\t| %.2f\t| %d = %d\t|\n",
			p.Name, p.MBPerCPUSecond, p.CPUSecondsPerGB, p.OfStages, float64(p.MessageBytes)/1e6/p.WallSeconds,
			p.Ack.P50, p.Ack.P99, p.Ack.P999, float64(p.PeakRSSBytes)/(1<<20), p.WrittenPerByte, p.Selected, p.Delivered)
	}
	return t.Flush()
}
