// Command plot draws what sluice bench has measured (-o json): one picture for
// each curve of growth and each group of paths, latencies and rivals, as SVG and,
// with -png, as PNG. It is a module of its own because sluice needs nothing of it.
//
// What enters: files of results, later ones drawn over earlier ones of the same
// name. What leaves: pictures, of the same bytes for the same results.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

func main() {
	dir := flag.String("o", ".", "folder of the pictures")
	png := flag.Bool("png", false, "draw them as PNG, too")
	flag.Parse()
	if err := drawAll(flag.Args(), *dir, *png); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

// picture is one plot and its file's name.
type picture struct {
	name          string
	plot          *plot.Plot
	width, height vg.Length
}

func drawAll(files []string, dir string, png bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var r result
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		pictures, err := r.draw()
		if err != nil {
			return fmt.Errorf("draw %s: %w", file, err)
		}
		for _, p := range pictures {
			if err := p.save(dir, png); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *picture) save(dir string, png bool) error {
	if err := p.plot.Save(p.width, p.height, filepath.Join(dir, p.name+".svg")); err != nil {
		return err
	}
	if !png {
		return nil
	}
	return p.plot.Save(p.width, p.height, filepath.Join(dir, p.name+".png"))
}
