package bench

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"sluice/bench/kafkaserver"
)

// findTools looks for the programs that some paths need and that were not named.
func (o *Options) findTools() {
	if o.Gateway == "" {
		o.Gateway = inPath("versitygw")
	}
	if cache, err := os.UserCacheDir(); err == nil && o.Gateway == "" {
		built, _ := filepath.Glob(filepath.Join(cache, "sluice", "versitygw-*", "versitygw")) // the pattern is good
		if len(built) > 0 {
			o.Gateway = built[len(built)-1]
		}
	}
	if o.Broker == "" {
		o.Broker = kafkaserver.Find(o.Binary)
	}
}

func inPath(name string) string {
	found, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return found
}

// lacks says what is not here that a path needs.
func (o *Options) lacks(w way) error {
	switch {
	case w.s3 && o.Gateway == "":
		return errors.New("no versitygw in PATH: name one (--gateway)")
	case w.ingest == "kafka" && o.Broker == "" && o.Kafka == "":
		return errors.New("no Kafka: name a cluster (--kafka) or a broker (--broker, `make bench-broker` builds one)")
	}
	return nil
}

// any tells whether one of the paths is of a kind.
func (o *Options) any(kind func(w way) bool) bool {
	for _, name := range o.Paths {
		if w, err := parseWay(name); err == nil && kind(w) {
			return true
		}
	}
	return false
}
