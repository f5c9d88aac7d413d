package torture

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable prints the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "seed\t%d, %.0f s\n", r.Seed, r.Seconds)
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(t, "%s\t%d times\n", name, r.Faults[name])
	}
	for _, name := range r.LeftOut {
		fmt.Fprintf(t, "left out\t%s\n", name)
	}
	fmt.Fprintf(t, "restarts\t%d, the first acknowledgement after %.2f s (median), %.2f s (longest)\n", r.Restarts, r.RecoverSeconds.Median, r.RecoverSeconds.Max)
	fmt.Fprintf(t, "answers\t%s\n", counts(r.Answers))
	fmt.Fprintf(t, "events\t%d sent, %d acknowledged\n", r.Sent, r.Acknowledged)
	fmt.Fprintf(t, "delivery\t%.1f s after the last fault\n", r.DeliverSeconds)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nDELIVERY STREAM\tOBJECTS\tBYTES\tDELIVERED\tUNKNOWN\tLOST\tDOUBLED\tSTRANGE")
	for _, s := range r.Streams {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", s.Name, s.Objects, s.Bytes, s.Delivered, s.Unknown, s.Lost, s.Doubled, s.Strange)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if _, err := fmt.Fprintln(w, "FINDING:", f); err != nil {
			return err
		}
	}
	if len(r.Findings) == 0 {
		_, err := fmt.Fprintln(w, "\nnothing lost, nothing doubled, the manifests are complete")
		return err
	}
	return nil
}

// counts prints them in the order of their names.
func counts(m map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d x %s", m[name], name))
	}
	return strings.Join(parts, ", ")
}
