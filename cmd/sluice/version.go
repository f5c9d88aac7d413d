package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"sluice/internal/app"
)

type versionCommand struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"Form of the output: text or json."`
}

func (c *versionCommand) Run(p *process) error {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if c.Output == "json" {
		return json.NewEncoder(p.stdout).Encode(map[string]string{
			"version":  app.Version,
			"go":       runtime.Version(),
			"platform": platform,
		})
	}
	_, err := fmt.Fprintf(p.stdout, "sluice %s (%s, %s)\n", app.Version, runtime.Version(), platform)
	return err
}
