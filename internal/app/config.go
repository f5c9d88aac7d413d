package app

import (
	"io"
	"log/slog"
	"path/filepath"

	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// Version is what `sluice version` prints; the build may set it.
var Version = "0.1.0-dev"

// Config is everything a sluice process can be told. Keys of the configuration
// file are the yaml names; key a.b_c is also the environment variable
// SLUICE_A_B_C and, where a flag makes sense, the flag --a-b-c.
type Config struct {
	// Listen is the data address: every AWS service, plain HTTP and TLS on one
	// port. Default 127.0.0.1:4580. Port 0 lets the system choose.
	Listen string `yaml:"listen"`
	// Admin is the address of /healthz, /readyz, /metrics and, for this machine
	// alone unless insecure, pprof. Default 127.0.0.1:4590.
	Admin string `yaml:"admin"`
	// DataDir holds all state. Default ./sluice-data.
	DataDir string `yaml:"data_dir"`
	// S3 is where objects go: folder:DIR, aws, or http(s)://ENDPOINT of another
	// store that speaks S3. Credentials and region of a store come as for every
	// AWS client. Default folder:<data-dir>/s3.
	S3 string `yaml:"s3"`
	// S3Options are about a store that speaks S3; a folder has none of them.
	S3Options S3Options `yaml:"s3_options"`
	// Limits is "aws" (every AWS quota holds) or "relaxed". Default relaxed.
	Limits string `yaml:"limits"`
	// AccountID is the account of callers whose access key is not twelve
	// digits. Default 000000000000.
	AccountID string `yaml:"account_id"`
	// OrganizationID is the organization that all accounts of this process belong
	// to; policies of destinations can ask for it. Default: none.
	OrganizationID string `yaml:"organization_id"`
	// SubscriptionFiltersPerLogGroup bounds the subscription filters of a log group.
	// Default: 2 with limits aws, else no bound.
	SubscriptionFiltersPerLogGroup int `yaml:"subscription_filters_per_log_group"`
	// Region is the region of callers who do not sign. Default us-east-1.
	Region string `yaml:"region"`
	// Insecure allows a listener that is not on loopback without credentials.
	Insecure bool `yaml:"insecure"`
	// Credentials are access keys; when there are any, no others are accepted.
	Credentials []Credential `yaml:"credentials"`
	// BearerTokens open the HTTP ingestion endpoints; when there are any, only they
	// and credentials do.
	BearerTokens []BearerToken `yaml:"bearer_tokens"`
	// HostNames are accepted in the Host header on loopback beside localhost and
	// its addresses, and stand in the self-signed certificate.
	HostNames []string `yaml:"host_names"`
	// TLS names a certificate; without one a self-signed one is made, which clients
	// may trust by its file tls/cert.pem in the data folder.
	TLS TLS `yaml:"tls"`
	// HTTP bounds what clients may ask for.
	HTTP HTTP `yaml:"http"`
	// Ingest is about PutLogEvents.
	Ingest Ingest `yaml:"ingest"`
	// HTTPIngest is about the HTTP ingestion endpoints.
	HTTPIngest HTTPIngest `yaml:"http_ingest"`
	// Log sizes the log in the middle.
	Log Log `yaml:"log"`
	// Storage bounds what is kept on disk.
	Storage Storage `yaml:"storage"`
	// MemoryBytes is the size that the process is held near, without its binary:
	// the garbage collector works harder towards it. It is no hard bound: what is in
	// use is never thrown away. GOMEMLIMIT in the environment decides instead; -1
	// leaves all to the collector. Default 192 MiB.
	MemoryBytes int64 `yaml:"memory_bytes"`
	// LogLevel is debug, info, warn or error. Default info.
	LogLevel string `yaml:"log_level"`
	// TestClock is an RFC 3339 instant at which the event clock stands still until
	// it is moved over the admin port.
	TestClock string `yaml:"test_clock"`
	// Metrics is about the samples of CloudWatch metrics.
	Metrics Metrics `yaml:"metrics"`
	// Pipelines are applied at start and read-only over the API.
	Pipelines Pipelines `yaml:"pipelines"`
	// Sources bring events in by themselves.
	Sources Sources `yaml:"sources"`
	// Destinations are outside this process; subscription filters name them by ARN.
	Destinations Destinations `yaml:"destinations"`
	// Crossregion copies logs between sluices of several regions and accounts.
	Crossregion Crossregion `yaml:"crossregion"`
	// Roles are what this process does: ingest, filter, firehose, export, crossregion,
	// monitoring. Default: all of it.
	Roles []string `yaml:"roles"`
	// ScaleOut shares the work between several processes.
	ScaleOut ScaleOut `yaml:"scale_out"`
	// Topics say where the actions of alarms go.
	Topics []Topic `yaml:"topics"`

	// Logger takes what the process says; nil is silent.
	Logger *slog.Logger `yaml:"-"`
	// Ready, when set, gets one JSON line with the chosen addresses once the
	// process serves.
	Ready io.Writer `yaml:"-"`
	// FS and Catalog replace the disk in tests.
	FS      vfs.FS        `yaml:"-"`
	Catalog catalog.Store `yaml:"-"`
}

// setDefaults fills in what was left out.
func (c *Config) setDefaults() {
	setDefault(&c.Listen, "127.0.0.1:4580")
	setDefault(&c.Admin, "127.0.0.1:4590")
	setDefault(&c.DataDir, "./sluice-data")
	setDefault(&c.S3, "folder:"+filepath.Join(c.DataDir, "s3"))
	setDefault(&c.Limits, "relaxed")
	setDefault(&c.AccountID, "000000000000")
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.HTTP.MaxBodyBytes, 8<<20)
	setDefault(&c.HTTP.MaxInflatedBytes, 16<<20)
	setDefault(&c.HTTP.MaxInFlightBytes, 64<<20)
	setDefault(&c.HTTP.ReadTimeoutSeconds, 30)
	setDefault(&c.Ingest.Oversize, "reject")
	setDefault(&c.HTTPIngest.OTLPMessage, "body")
	setDefault(&c.Log.Shards, 1)
	setDefault(&c.Log.SegmentBytes, 64<<20)
	setDefault(&c.Log.TailBytes, 8<<20)
	setDefault(&c.Destinations.RetryHours, 24)
	setDefault(&c.Destinations.MaxBufferBytes, 64<<20)
	c.Storage.setDefaults()
	c.Metrics.setDefaults()
	c.ScaleOut.setDefaults()
	c.addSharedCluster()
	setDefault(&c.MemoryBytes, 192<<20)
	setDefault(&c.LogLevel, "info")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check refuses what cannot be meant, and says what to write instead.
func (c *Config) check() error {
	switch {
	case c.Limits != "aws" && c.Limits != "relaxed":
		return misconfigured("limits: %q is neither aws nor relaxed", c.Limits)
	case c.HTTPIngest.OTLPMessage != "body" && c.HTTPIngest.OTLPMessage != "record":
		return misconfigured("http_ingest.otlp_message: %q is neither body nor record", c.HTTPIngest.OTLPMessage)
	case c.Log.Shards < 1 || c.Log.Shards > store.MaxShards:
		return misconfigured("log.shards: %d is not between 1 and %d", c.Log.Shards, store.MaxShards)
	case c.Log.SegmentBytes < 1<<20:
		return misconfigured("log.segment_bytes: %d is less than 1 MiB (%d)", c.Log.SegmentBytes, 1<<20)
	case c.HTTP.MaxInflatedBytes > event.MaxText:
		return misconfigured("http.max_inflated_bytes: %d is more than a batch can hold (%d)", c.HTTP.MaxInflatedBytes, event.MaxText)
	}
	if err := c.ScaleOut.check(); err != nil {
		return err
	}
	if err := c.checkRoles(); err != nil {
		return err
	}
	return c.Storage.check(c.Log)
}
