package bench

import (
	"fmt"
	"slices"
	"strings"
)

// way is what the name of a path says: ingest/format/keep, and /s3 where objects
// do not go into a folder.
type way struct {
	ingest, format, keep string
	s3                   bool
}

// The parts of a path's name.
var (
	ingests = []string{"putlogevents", "putlogevents-unsigned", "bulk", "otlp", "kafka"}
	formats = []string{"gzip", "zstd", "parquet"}
	keeps   = []string{"all", "errors"}
)

// DefaultPaths are those that the documents speak of.
var DefaultPaths = []string{
	"putlogevents/gzip/all", "putlogevents/zstd/all", "putlogevents/parquet/all",
	"bulk/gzip/all", "otlp/gzip/all", "kafka/gzip/all",
	"putlogevents/gzip/errors", "bulk/gzip/errors", "otlp/gzip/errors", "kafka/gzip/errors",
	"putlogevents/gzip/all/s3", "putlogevents/zstd/all/s3", "putlogevents/parquet/all/s3", "bulk/gzip/all/s3",
}

// PathNames lists all paths.
func PathNames() (names []string) {
	for _, i := range ingests {
		for _, f := range formats {
			for _, k := range keeps {
				name := i + "/" + f + "/" + k
				names = append(names, name, name+"/s3")
			}
		}
	}
	return names
}

func parseWay(name string) (w way, err error) {
	p := strings.Split(name, "/")
	if len(p) == 4 && p[3] == "s3" {
		w.s3, p = true, p[:3]
	}
	if len(p) != 3 || !slices.Contains(ingests, p[0]) || !slices.Contains(formats, p[1]) || !slices.Contains(keeps, p[2]) {
		return w, fmt.Errorf("a path is %s, / and %s, / and %s, and /s3 or nothing",
			strings.Join(ingests, " or "), strings.Join(formats, " or "), strings.Join(keeps, " or "))
	}
	w.ingest, w.format, w.keep = p[0], p[1], p[2]
	return w, nil
}

func (w way) String() string {
	name := w.ingest + "/" + w.format + "/" + w.keep
	if w.s3 {
		name += "/s3"
	}
	return name
}

// stages are the names of those that the path is made of.
func (w way) stages(compaction bool) map[string]bool {
	wanted := map[string]bool{"log": true, "filter " + w.keep: true, w.format + " " + w.keep: true, "compaction": compaction, putStage: w.s3}
	switch w.ingest {
	case "putlogevents":
		wanted["http"], wanted["sha256"], wanted["decode PutLogEvents"] = true, true, true
	case "putlogevents-unsigned":
		wanted["http"], wanted["decode PutLogEvents"] = true, true
	case "bulk":
		wanted["http"], wanted["decode NDJSON"] = true, true
	case "otlp":
		wanted["http"], wanted["decode OTLP"] = true, true
	case "kafka":
		wanted[fetchStage] = true
	}
	return wanted
}

// compare sets a path beside the stages that it is made of.
func (p *Path) compare(stages []Stage, compaction bool) {
	w, err := parseWay(p.Name)
	if err != nil {
		panic("bench: " + err.Error()) // it was measured
	}
	wanted := w.stages(compaction)
	sum := 0.0
	for _, s := range stages {
		switch {
		case !wanted[s.Name]:
		case s.Name == putStage:
			sum += s.NanosPerByte * float64(p.ObjectBytes) / float64(p.MessageBytes)
		default:
			sum += s.NanosPerByte
		}
	}
	p.StagesMBPerCPUSecond = 1e3 / sum
	p.OfStages = p.MBPerCPUSecond / p.StagesMBPerCPUSecond
}
