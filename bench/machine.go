package bench

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"time"

	"sluice/bench/corpus"
)

// Machine is where it was measured.
type Machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	// JSONValid is what encoding/json's Valid does with the events of an application,
	// in MB per CPU-second: a measure of the core and the hour, by which figures of
	// different days compare.
	JSONValid float64 `json:"jsonValidMBPerCpuSecond"`
}

func machine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU(), JSONValid: jsonValid()}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// jsonValid takes 200 ms.
func jsonValid() float64 {
	g := corpus.New(corpus.App, 1, corpus.Epoch)
	events := make([][]byte, 2000)
	for i := range events {
		events[i], _ = g.AppendEvent(nil)
	}
	bytes, began := 0, ownCPU()
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until); {
		for _, e := range events {
			if !json.Valid(e) {
				panic("bench: the corpus is no JSON")
			}
			bytes += len(e)
		}
	}
	return float64(bytes) / 1e6 / (ownCPU() - began).Seconds()
}
