package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"sluice/cmd/sluice/internal/settings"
	"sluice/internal/app"
	"sluice/internal/memlimit"
	"sluice/internal/obs"
)

// serveCommand's pointers tell a flag that was given from one that was not; the
// defaults are settings'. docs/configuration.md has every key.
type serveCommand struct {
	Config string `placeholder:"FILE" env:"SLUICE_CONFIG" help:"Configuration file, YAML."`

	DataDir   *string `placeholder:"DIR" help:"Folder of all state (./sluice-data)."`
	Listen    *string `placeholder:"HOST:PORT" help:"Address of all AWS services (127.0.0.1:4580)."`
	Admin     *string `placeholder:"HOST:PORT" help:"Address of health, metrics and profiles (127.0.0.1:4590)."`
	S3        *string `name:"s3" placeholder:"PLACE" help:"Where objects go: folder:DIR, aws, or http(s)://ENDPOINT (folder:<data-dir>/s3)."`
	Limits    *string `placeholder:"WHICH" help:"aws, where every AWS quota holds, or relaxed."`
	AccountID *string `name:"account-id" placeholder:"DIGITS" help:"Account of callers whose access key is not twelve digits (000000000000)."`
	Roles     *string `placeholder:"ROLE,..." help:"What this process does, of ingest, filter, firehose, export, crossregion and monitoring (all of it)."`
	Region    *string `placeholder:"NAME" help:"Region of callers who do not sign (us-east-1)."`
	Insecure  *bool   `help:"Allow an address that other machines can reach without credentials."`
	LogLevel  *string `placeholder:"LEVEL" help:"debug, info, warn or error."`
	TestClock *string `placeholder:"INSTANT" help:"Let the event clock stand still at an RFC 3339 instant; the admin port moves it."`

	PrintConfig     bool          `help:"Print the configuration with the origin of each value, and leave."`
	ReadyJSON       string        `name:"ready-json" placeholder:"FILE" help:"Write one JSON line with the addresses to FILE (- is standard output) once the server is ready."`
	ShutdownTimeout time.Duration `default:"30s" help:"How long a stop may take before it is forced (${default})."`
}

func (*serveCommand) Help() string {
	return `A value is looked for among the flags, in the environment (SLUICE_DATA_DIR for
--data-dir, SLUICE_LOG_SHARDS for log.shards) and in the configuration file, in this
order.

SIGTERM and SIGINT stop the server after the requests under way, once everything is
flushed; a second one, or the end of --shutdown-timeout, stops it at once. Neither loses
what was acknowledged.

Examples:

    sluice serve
    sluice serve --config sluice.yaml --data-dir /var/lib/sluice
    sluice serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 --ready-json -
    sluice serve --config sluice.yaml --print-config
    sluice serve --config sluice.yaml --roles filter,firehose
    SLUICE_LOG_SHARDS=2 sluice serve --log-level debug

Exit codes: 0 stopped as asked, 1 failed or a stop was forced, 2 wrong command line or
configuration.`
}

func (c *serveCommand) Run(p *process) error {
	loaded, err := settings.Load(settings.Input{File: c.Config, Env: p.environ, Flags: c.given()})
	if err != nil {
		return usage(err)
	}
	if c.PrintConfig {
		return loaded.WriteYAML(p.stdout)
	}
	cfg := loaded.Config
	log, err := obs.NewLogger(p.stderr, cfg.LogLevel)
	if err != nil {
		return usage(err)
	}
	for _, variable := range loaded.Unknown {
		log.Warn("environment: " + variable)
	}
	cfg.Logger = log

	ready, err := c.openReady(p)
	if err != nil {
		return usage(err)
	}
	if ready != nil {
		defer ready.Close()
		cfg.Ready = ready
	}
	signals, unsubscribe := stopSignals() // before New, which may recover for long
	defer unsubscribe()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go memlimit.Keep(ctx, cfg.MemoryBytes)
	a, err := app.New(cfg)
	if err == nil {
		err = runUntilSignal(a.Run, signals, c.ShutdownTimeout, log)
	}
	var wrong *app.ConfigError
	switch {
	case errors.As(err, &wrong):
		return usage(err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w\nanother process has the port, maybe another sluice: stop it, or give --listen and --admin other ports (0 is any free one)", err)
	}
	return err
}

// given holds the flags that were given, by key.
func (c *serveCommand) given() map[string]string {
	flags := make(map[string]string)
	for key, value := range map[string]*string{
		"data_dir":   c.DataDir,
		"listen":     c.Listen,
		"admin":      c.Admin,
		"s3":         c.S3,
		"limits":     c.Limits,
		"account_id": c.AccountID,
		"region":     c.Region,
		"log_level":  c.LogLevel,
		"test_clock": c.TestClock,
	} {
		if value != nil {
			flags[key] = *value
		}
	}
	if c.Roles != nil {
		flags["roles"] = "[" + *c.Roles + "]"
	}
	if c.Insecure != nil {
		flags["insecure"] = fmt.Sprint(*c.Insecure)
	}
	return flags
}

// openReady opens the file of --ready-json; nil without one.
func (c *serveCommand) openReady(p *process) (io.WriteCloser, error) {
	switch c.ReadyJSON {
	case "":
		return nil, nil
	case "-":
		return unclosed{p.stdout}, nil
	}
	file, err := os.Create(c.ReadyJSON)
	if err != nil {
		return nil, fmt.Errorf("--ready-json: %w", err)
	}
	return file, nil
}

// unclosed is a writer that somebody else closes.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
