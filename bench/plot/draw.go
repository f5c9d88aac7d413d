package main

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	blue   = color.RGBA{0x1f, 0x6f, 0xb4, 0xff}
	orange = color.RGBA{0xe0, 0x7b, 0x20, 0xff}
	grey   = color.RGBA{0xb8, 0xb8, 0xb8, 0xff}
)

// draw makes all the pictures of a result.
func (r *result) draw() (pictures []picture, err error) {
	add := func(p picture, err2 error) {
		if pictures = append(pictures, p); err == nil {
			err = err2
		}
	}
	if len(r.Paths) > 0 {
		add(r.drawPaths())
	}
	for _, c := range r.Growth {
		if len(c.Points) > 1 {
			add(c.draw())
		}
	}
	if len(r.Latencies) > 0 {
		add(r.drawLatencies())
	}
	for _, c := range r.Rivals {
		if len(c.Contestants) > 1 {
			add(c.draw())
		}
	}
	return pictures, err
}

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Points(6)
	p.BackgroundColor = color.White
	return p
}

// bar is one of a group of horizontal bars.
type bars struct {
	label  string
	values []float64
	color  color.Color
}

// drawBars draws groups of horizontal bars, the first name on top, and writes
// the value at the end of each.
func drawBars(p *plot.Plot, names []string, groups ...bars) error {
	names = slices.Clone(names)
	slices.Reverse(names)
	width := vg.Points(11)
	for i, g := range groups {
		values := plotter.Values(slices.Clone(g.values))
		slices.Reverse(values)
		b, err := plotter.NewBarChart(values, width)
		if err != nil {
			return err
		}
		b.Horizontal, b.Color, b.LineStyle.Width = true, g.color, 0
		b.Offset = width * vg.Length(float64(len(groups)-1)/2-float64(i))
		p.Add(b)
		if g.label != "" {
			p.Legend.Add(g.label, b)
		}
		if err := writeValues(p, values, b.Offset); err != nil {
			return err
		}
	}
	p.NominalY(names...)
	p.X.Min = 0
	p.X.Max *= 1.12 // room for the values
	p.Legend.Top = false
	return nil
}

func writeValues(p *plot.Plot, values plotter.Values, offset vg.Length) error {
	labels := plotter.XYLabels{}
	for i, v := range values {
		labels.XYs = append(labels.XYs, plotter.XY{X: v, Y: float64(i)})
		labels.Labels = append(labels.Labels, short(v))
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].YAlign = draw.YCenter
		text.TextStyle[i].Font.Size = vg.Points(8)
	}
	text.Offset = vg.Point{X: vg.Points(3), Y: offset}
	p.Add(text)
	return nil
}

// short has three digits.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// heightOf is that of a picture with groups of bars.
func heightOf(groups, bars int) vg.Length {
	return vg.Points(70 + float64(groups)*(float64(bars)*11+8))
}

func (r *result) drawPaths() (picture, error) {
	name, title := "paths", "Whole paths beside the sum of their stages"
	if r.Compaction {
		name, title = "compaction", title+", with compaction of the log"
	}
	p := newPlot(title)
	p.X.Label.Text = "MB of messages per CPU-second of the server"
	var names []string
	path, stages := bars{label: "path", color: blue}, bars{label: "sum of its stages", color: grey}
	for _, one := range r.Paths {
		names = append(names, one.Name)
		path.values, stages.values = append(path.values, one.MB), append(stages.values, one.Stages)
	}
	err := drawBars(p, names, path, stages)
	return picture{name, p, vg.Points(620), heightOf(len(names), 2)}, err
}

func (r *result) drawLatencies() (picture, error) {
	p := newPlot("Durable acknowledgement at half load, beside the disk")
	p.X.Label.Text = "ms"
	var names []string
	ack, disk := bars{label: "acknowledgement", color: blue}, bars{label: "write and fdatasync", color: grey}
	for _, l := range r.Latencies {
		names = append(names, l.Name+" p50", "p99", "p99.9")
		ack.values = append(ack.values, l.Ack.P50, l.Ack.P99, l.Ack.P999)
		disk.values = append(disk.values, l.Disk.P50, l.Disk.P99, l.Disk.P999)
	}
	err := drawBars(p, names, ack, disk)
	return picture{"latency", p, vg.Points(620), heightOf(len(names), 2)}, err
}

func (c *contest) draw() (picture, error) {
	p := newPlot(c.Workload + ": " + c.Task)
	p.X.Label.Text = "CPU-seconds per GB of input"
	var names []string
	var values []float64
	for _, who := range c.Contestants {
		names, values = append(names, who.Name), append(values, who.CPU)
	}
	err := drawBars(p, names, bars{values: values, color: orange})
	return picture{"rivals-" + strings.ToLower(c.Workload), p, vg.Points(620), heightOf(len(names), 1)}, err
}

// draw draws a curve over the logarithm of its quantity.
func (c *curve) draw() (picture, error) {
	p := newPlot("Growth over " + c.Name + ": " + c.Points[0].Name)
	p.X.Label.Text, p.Y.Label.Text = c.Of, "MB per CPU-second of the server"
	var line plotter.XYs
	most := 0.0
	for _, at := range c.Points {
		line = append(line, plotter.XY{X: at.At, Y: at.MB})
		most = max(most, at.MB)
	}
	l, points, err := plotter.NewLinePoints(line)
	if err != nil {
		return picture{}, err
	}
	l.Color, l.Width = blue, vg.Points(1.5)
	points.Color, points.Shape = blue, draw.CircleGlyph{}
	p.Add(plotter.NewGrid(), l, points)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, valueTicks(line)
	p.Y.Min, p.Y.Max = 0, most*1.15
	return picture{"growth-" + c.Name, p, vg.Points(480), vg.Points(300)}, nil
}

// valueTicks marks the values of a curve, and no others.
type valueTicks plotter.XYs

// Ticks implements plot.Ticker.
func (v valueTicks) Ticks(_, _ float64) (ticks []plot.Tick) {
	for _, xy := range v {
		ticks = append(ticks, plot.Tick{Value: xy.X, Label: counted(xy.X)})
	}
	return ticks
}

// counted writes 32000 as 32k.
func counted(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", math.Round(v/1e5)/10)
	case v >= 1e3:
		return fmt.Sprintf("%gk", math.Round(v/1e2)/10)
	}
	return fmt.Sprintf("%g", v)
}
