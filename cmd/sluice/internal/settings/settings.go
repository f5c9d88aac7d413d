package settings

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sluice/internal/app"
)

// Input is where values come from.
type Input struct {
	// File is the configuration file, "" for none.
	File string
	// Env holds NAME=VALUE entries, as os.Environ gives them. An empty value
	// counts as absent.
	Env []string
	// Flags holds the text of the flags that were given, by key (data_dir).
	Flags map[string]string
}

// Settings is a complete configuration.
type Settings struct {
	Config app.Config
	// Unknown lists SLUICE_ variables that set nothing, each with a hint.
	Unknown []string

	origin map[string]string // by key; absent for defaults
}

// Defaults is the configuration of a process that was told nothing.
func Defaults() app.Config {
	return app.Config{
		Listen:      "127.0.0.1:4580",
		Admin:       "127.0.0.1:4590",
		DataDir:     "./sluice-data",
		Limits:      "relaxed",
		AccountID:   "000000000000",
		Region:      "us-east-1",
		LogLevel:    "info",
		MemoryBytes: 192 << 20,
		HTTP: app.HTTP{
			MaxBodyBytes:       8 << 20,
			MaxInflatedBytes:   16 << 20,
			MaxInFlightBytes:   64 << 20,
			ReadTimeoutSeconds: 30,
		},
		Ingest:     app.Ingest{Oversize: "reject"},
		HTTPIngest: app.HTTPIngest{OTLPMessage: "body"},
		Log: app.Log{
			Shards:       1,
			SegmentBytes: 64 << 20,
			TailBytes:    8 << 20,
		},
		S3Options:    app.S3Options{Checksums: "auto", PathStyle: "auto"},
		Storage:      app.Storage{Policy: "block", MinFreeBytes: 128 << 20, CacheBytes: 32 << 20},
		Metrics:      app.Metrics{PublishedSeries: 1000, DimensionSets: 1000},
		Sources:      app.Sources{Delivery: app.DeliverySources{OnGap: "fail", SpoolBytes: 1 << 30}},
		Destinations: app.Destinations{RetryHours: 24, MaxBufferBytes: 64 << 20},
		ScaleOut: app.ScaleOut{
			Prefix: "sluice", Compression: "snappy", FetchBytes: 4 << 20, MaxBufferBytes: 64 << 20, SessionSeconds: 30, StallSeconds: 60,
		},
	}
}

// Load layers the sources and checks the result.
func Load(in Input) (*Settings, error) {
	s := &Settings{Config: Defaults(), origin: make(map[string]string)}
	if in.File != "" {
		if err := decodeFile(in.File, reflect.ValueOf(&s.Config).Elem(), s.origin); err != nil {
			return nil, err
		}
	}
	if err := s.addEnv(in.Env); err != nil {
		return nil, err
	}
	if err := s.addFlags(in.Flags); err != nil {
		return nil, err
	}
	if s.Config.S3 == "" {
		s.Config.S3 = "folder:" + filepath.Join(s.Config.DataDir, "s3")
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// notKeys are variables with our prefix that are read elsewhere.
var notKeys = []string{
	"SLUICE_CONFIG", // is --config
	"SLUICE_SHARED", // is for tests
}

func (s *Settings) addEnv(entries []string) error {
	keys := make(map[string]Key)
	for _, key := range Keys() {
		keys[key.Env] = key
	}
	var errs []error
	for _, entry := range entries {
		name, text, _ := strings.Cut(entry, "=")
		key, known := keys[name]
		switch {
		case !strings.HasPrefix(name, "SLUICE_") || text == "" || slices.Contains(notKeys, name):
		case known:
			errs = append(errs, decodeText(text, name, key, key.field(&s.Config), s.origin))
		default:
			s.Unknown = append(s.Unknown, name+" sets nothing"+envHint(name, keys))
		}
	}
	slices.Sort(s.Unknown)
	return errors.Join(errs...)
}

func envHint(name string, keys map[string]Key) string {
	if meant := closest(name, slices.Sorted(maps.Keys(keys))); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return "; sluice serve --print-config shows what can be set"
}

func (s *Settings) addFlags(flags map[string]string) error {
	var errs []error
	for _, key := range Keys() {
		text, given := flags[key.Path]
		if !given {
			continue
		}
		from := "--" + strings.NewReplacer("_", "-", ".", "-").Replace(key.Path)
		errs = append(errs, decodeText(text, from, key, key.field(&s.Config), s.origin))
		delete(flags, key.Path)
	}
	for path := range flags {
		errs = append(errs, fmt.Errorf("flag for %s, which is no key", path))
	}
	return errors.Join(errs...)
}
