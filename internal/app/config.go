package app

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/objput"
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
	// Admin is the address of /healthz, /readyz, /metrics and pprof. Default
	// 127.0.0.1:4590.
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
	// Credentials, when there are any, are the only ones accepted.
	Credentials []Credential `yaml:"credentials"`
	// BearerTokens, when there are any, are the only ones accepted on the HTTP
	// ingestion endpoints, beside credentials.
	BearerTokens []BearerToken `yaml:"bearer_tokens"`
	// HostNames are accepted in the Host header on loopback beside localhost and
	// its addresses, and stand in the self-signed certificate.
	HostNames []string `yaml:"host_names"`
	// TLS names a certificate; without one a self-signed one is made.
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
	// LogLevel is debug, info, warn or error. Default info.
	LogLevel string `yaml:"log_level"`
	// TestClock, an RFC 3339 instant, makes the event clock stand still until
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

// Credential is one access key.
type Credential struct {
	AccessKeyID     string `yaml:"access_key_id"`
	SecretAccessKey string `yaml:"secret_access_key"`
	// SessionToken, when set, must come with the key.
	SessionToken string `yaml:"session_token"`
	// AccountID is the key's account; default account_id.
	AccountID string `yaml:"account_id"`
	// Actions are what the key may do: read, write, admin, or IAM's names and
	// wildcards, as logs:PutLogEvents or logs:Get*. Default: everything.
	Actions []string `yaml:"actions"`
	// Regions are where the key may do so. Default: everywhere.
	Regions []string `yaml:"regions"`
}

// BearerToken is one token that opens the HTTP ingestion endpoints.
type BearerToken struct {
	// Token is what stands behind "Authorization: Bearer", at least 16
	// characters.
	Token string `yaml:"token"`
	// AccountID is the account that it writes to; default account_id.
	AccountID string `yaml:"account_id"`
	// Region is the region that it writes to; default region.
	Region string `yaml:"region"`
	// Expires, an RFC 3339 instant, ends it.
	Expires string `yaml:"expires"`
}

// TLS names a certificate and its key, PEM files.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// S3Options are how a store that speaks S3 is talked to.
type S3Options struct {
	// Region is where the buckets are. Default what the AWS configuration names,
	// and us-east-1 with an endpoint.
	Region string `yaml:"region"`
	// Checksums is on, off or auto: a CRC-32C of every body and part for the store
	// to verify; auto is on on AWS and off with an endpoint, as not every store
	// knows the headers. Default auto.
	Checksums string `yaml:"checksums"`
	// PathStyle is on, off or auto: the bucket in the path instead of the host
	// name; auto is on with an endpoint. Default auto.
	PathStyle string `yaml:"path_style"`
	// SSE is the server-side encryption of objects: AES256, aws:kms or
	// aws:kms:dsse. Default the bucket's own.
	SSE string `yaml:"sse"`
	// SSEKMSKeyID is the key of aws:kms. Default the account's key for S3.
	SSEKMSKeyID string `yaml:"sse_kms_key_id"`
}

// config is what objput is told.
func (o S3Options) config() objput.S3Config {
	auto := func(text string) objput.Switch {
		if text == "auto" {
			return objput.Auto
		}
		return objput.Switch(text)
	}
	return objput.S3Config{Region: o.Region, Checksums: auto(o.Checksums), PathStyle: auto(o.PathStyle), SSE: o.SSE, SSEKMSKeyID: o.SSEKMSKeyID}
}

// HTTP bounds requests.
type HTTP struct {
	// MaxBodyBytes is the greatest body on the wire. Default 8 MiB.
	MaxBodyBytes int64 `yaml:"max_body_bytes"`
	// MaxInflatedBytes is the greatest body once inflated. Default 16 MiB.
	MaxInflatedBytes int64 `yaml:"max_inflated_bytes"`
	// MaxInFlightBytes bounds the bodies of all requests under way. Default
	// 64 MiB.
	MaxInFlightBytes int64 `yaml:"max_in_flight_bytes"`
	// ReadTimeoutSeconds is how long a request's body may take. Default 30.
	ReadTimeoutSeconds int `yaml:"read_timeout_seconds"`
}

// Ingest says what PutLogEvents takes beyond AWS's rules.
type Ingest struct {
	// Oversize says what happens to an event over 1,048,550 bytes: reject refuses the
	// request, as AWS does, or if lenient the event alone; truncate and split store
	// what fits of it, or all of it as several events. Default reject.
	Oversize string `yaml:"oversize"`
	// Lenient takes requests that AWS refuses for their order, span, size or number
	// of events, up to 65,535 of them: sorted, and in parts. Ages are judged as ever.
	Lenient bool `yaml:"lenient"`
}

// HTTPIngest is about the HTTP ingestion endpoints.
type HTTPIngest struct {
	// AutoCreate makes log groups and streams that a request names and that do
	// not exist, instead of refusing it.
	AutoCreate bool `yaml:"auto_create"`
	// OTLPMessage is what is stored of an OTLP log record: "body", or "record"
	// for all of it as JSON, as AWS does. Default body.
	OTLPMessage string `yaml:"otlp_message"`
}

// Log sizes the log.
type Log struct {
	// Shards is the number of logs side by side, 1 to 64. Default 1. It cannot
	// be lowered later.
	Shards int `yaml:"shards"`
	// SegmentBytes is the size of one segment file. Default 64 MiB.
	SegmentBytes int64 `yaml:"segment_bytes"`
	// TailBytes is the memory for recent blocks of one shard. Default 8 MiB.
	TailBytes int64 `yaml:"tail_bytes"`
}

// Storage bounds what is kept on disk.
type Storage struct {
	// MaxBytes is the disk budget of everything below wal and store; 0 is none.
	MaxBytes int64 `yaml:"max_bytes"`
	// Policy says what happens when the budget is used up: block refuses what
	// clients send until there is room, drop-oldest removes the oldest files and
	// counts what was in them. Default block.
	Policy string `yaml:"policy"`
	// MinFreeBytes of the file system are left free, whatever the budget. Default
	// 128 MiB.
	MinFreeBytes int64 `yaml:"min_free_bytes"`
	// CompactBytesPerSecond bounds how fast old segments of the log are compacted;
	// 0 is no bound.
	CompactBytesPerSecond int64 `yaml:"compact_bytes_per_second"`
	// CacheBytes is the memory for decoded blocks of compacted files. Default
	// 32 MiB.
	CacheBytes int64 `yaml:"cache_bytes"`
}

// Metrics is about the samples of CloudWatch metrics.
type Metrics struct {
	// PublishedSeries is of how many series /metrics shows sum and number of the
	// samples since the start; -1 is none. Default 1000.
	PublishedSeries int `yaml:"published_series"`
	// DimensionSets bounds the sets of dimensions that one metric filter makes in
	// an hour: samples beyond go to the series without dimensions, and
	// sluice_metric_filter_capped_samples_total counts them; -1 is no bound.
	// Default 1000.
	DimensionSets int `yaml:"dimension_sets"`
}

// Pipelines declare log groups, delivery streams and subscription filters in
// the API's own member names.
type Pipelines struct {
	LogGroups           []LogGroup           `yaml:"log_groups"`
	DeliveryStreams     []map[string]any     `yaml:"delivery_streams"`
	SubscriptionFilters []SubscriptionFilter `yaml:"subscription_filters"`
}

// LogGroup declares a log group and, beyond the API, streams in it.
type LogGroup struct {
	LogGroupName    string            `yaml:"logGroupName"`
	RetentionInDays int               `yaml:"retentionInDays"`
	Tags            map[string]string `yaml:"tags"`
	LogStreamNames  []string          `yaml:"logStreamNames"`
}

// SubscriptionFilter declares a subscription filter.
type SubscriptionFilter struct {
	LogGroupName   string `yaml:"logGroupName"`
	FilterName     string `yaml:"filterName"`
	FilterPattern  string `yaml:"filterPattern"`
	DestinationARN string `yaml:"destinationArn"`
	RoleARN        string `yaml:"roleArn"`
	Distribution   string `yaml:"distribution"`

	FieldSelectionCriteria string   `yaml:"fieldSelectionCriteria"`
	EmitSystemFields       []string `yaml:"emitSystemFields"`
}

// Sources bring events in by themselves.
type Sources struct {
	// Kafka lists consumer groups that read topics into log groups.
	Kafka []KafkaSource `yaml:"kafka"`
}

// KafkaSource reads topics of a Kafka cluster into log groups: each partition
// into a log stream of its own, each record once.
type KafkaSource struct {
	// Name names the source in metrics and log lines.
	Name string `yaml:"name"`
	// Brokers are HOST:PORT of some brokers of the cluster.
	Brokers []string `yaml:"brokers"`
	// Topics are read by the consumer group group_id.
	Topics  []string `yaml:"topics"`
	GroupID string   `yaml:"group_id"`
	// LogGroup is where events go; {topic} in it is replaced. It is made if missing.
	LogGroup string `yaml:"log_group"`
	// LogStream is a partition's log stream; {topic} and {partition} are replaced.
	// Default {topic}-{partition}.
	LogStream string `yaml:"log_stream"`
	// Start is where a new group begins: earliest or latest. Default earliest.
	Start string `yaml:"start"`
	// Timestamp is record for the record's time, or a JSON path into the value as
	// $.time. Default record.
	Timestamp string `yaml:"timestamp"`
	// Oversize says what happens to values over max_message_bytes: split or
	// quarantine, which puts them into the log group /sluice/quarantine. Default split.
	Oversize string `yaml:"oversize"`
	// MaxMessageBytes is the longest message. Default 1048550, CloudWatch's.
	MaxMessageBytes int `yaml:"max_message_bytes"`
	// OnGap says what to do when records are gone before they were read: fail stops
	// the partition and alarms, skip goes on and counts. Default fail.
	OnGap string `yaml:"on_gap"`
	// FetchBytes is the most that is asked of a partition at once. Default 1 MiB.
	FetchBytes int `yaml:"fetch_bytes"`
	// MaxBufferBytes bounds what is fetched and not stored. Default 64 MiB.
	MaxBufferBytes int64 `yaml:"max_buffer_bytes"`
	// SessionSeconds is how long brokers wait for a silent member. Default 30.
	SessionSeconds int `yaml:"session_seconds"`
	// StallSeconds is how long lag may stand still until the group is joined anew.
	// Default 60.
	StallSeconds int `yaml:"stall_seconds"`
	// TLS encrypts the connections: enabled, ca_file, cert_file, key_file, server_name.
	TLS KafkaTLS `yaml:"tls"`
	// SASL signs in: mechanism (plain, scram-sha-256, scram-sha-512 or aws-msk-iam),
	// username, password_env (an environment variable), region.
	SASL KafkaSASL `yaml:"sasl"`
}

// Destinations are outside this process.
type Destinations struct {
	// RetryHours is how long after their arrival events are given up that a
	// destination failed to take; -1 keeps trying. Default 24.
	RetryHours int `yaml:"retry_hours"`
	// MaxBufferBytes bounds what is on its way to all destinations. Default 64 MiB.
	MaxBufferBytes int64 `yaml:"max_buffer_bytes"`
	// Webhooks stand for Lambda functions.
	Webhooks []Webhook `yaml:"webhooks"`
	// Kinesis lists Kinesis streams.
	Kinesis []KinesisDestination `yaml:"kinesis"`
	// Kafka lists topics that stand for Kinesis streams.
	Kafka []KafkaDestination `yaml:"kafka"`
}

// Webhook takes by POST what AWS hands to a Lambda function.
type Webhook struct {
	// ARN is the function's, which filters name.
	ARN string `yaml:"arn"`
	// URL is posted to.
	URL string `yaml:"url"`
	// AuthorizationEnv names an environment variable with the Authorization header.
	AuthorizationEnv string `yaml:"authorization_env"`
	// Concurrency bounds the requests at once; those of one log stream follow each
	// other. Default 4.
	Concurrency int `yaml:"concurrency"`
}

// KinesisDestination is a Kinesis stream outside.
type KinesisDestination struct {
	// ARN is the stream's, which filters name. Credentials come as for every AWS client.
	ARN string `yaml:"arn"`
	// Endpoint is where its region is served. Default: AWS's.
	Endpoint string `yaml:"endpoint"`
}

// KafkaDestination is a Kafka topic that filters reach as a Kinesis stream.
type KafkaDestination struct {
	// ARN is that of a Kinesis stream, which filters name.
	ARN string `yaml:"arn"`
	// Brokers are HOST:PORT of some brokers of the cluster.
	Brokers []string `yaml:"brokers"`
	// Topic is written to.
	Topic string `yaml:"topic"`
	// DeadLetterTopic takes records that the topic never will.
	DeadLetterTopic string `yaml:"dead_letter_topic"`
	// Payload is what a record holds: cloudwatch-gzip, cloudwatch-json, raw or
	// batch. Default cloudwatch-gzip.
	Payload string `yaml:"payload"`
	// Compression is none, gzip, snappy, lz4 or zstd. Default none.
	Compression string `yaml:"compression"`
	// TLS encrypts the connections: enabled, ca_file, cert_file, key_file, server_name.
	TLS KafkaTLS `yaml:"tls"`
	// SASL signs in: mechanism (plain, scram-sha-256, scram-sha-512 or aws-msk-iam),
	// username, password_env (an environment variable), region.
	SASL KafkaSASL `yaml:"sasl"`
}

// KafkaTLS says how connections to brokers are encrypted.
type KafkaTLS struct {
	// Enabled turns TLS on.
	Enabled bool `yaml:"enabled"`
	// CAFile holds the certificates to trust, PEM. Default: the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the client's certificate, if brokers want one.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName is what certificates are checked for. Default: the dialled host.
	ServerName string `yaml:"server_name"`
}

// KafkaSASL says who signs in to brokers.
type KafkaSASL struct {
	// Mechanism is plain, scram-sha-256, scram-sha-512 or aws-msk-iam.
	Mechanism string `yaml:"mechanism"`
	Username  string `yaml:"username"`
	// PasswordEnv names the environment variable that holds the password.
	PasswordEnv string `yaml:"password_env"`
	// Region is the cluster's, for aws-msk-iam.
	Region string `yaml:"region"`
}

// Topic says where one ARN among the actions of alarms goes: every target that is
// given gets every notification.
type Topic struct {
	// ARN is what alarms name, as arn:aws:sns:us-east-1:000000000000:pages.
	ARN string `yaml:"arn"`
	// Webhooks are URLs that get what SNS posts to HTTP subscriptions, signed.
	Webhooks []string `yaml:"webhooks"`
	// SignatureVersion of webhooks is 1 (SHA-1, SNS's default) or 2 (SHA-256).
	// Default 1.
	SignatureVersion int `yaml:"signature_version"`
	// SNSTopicARN is a topic of AWS's to publish to. Credentials come as for every
	// AWS client.
	SNSTopicARN string `yaml:"sns_topic_arn"`
	// SNSEndpoint is asked in place of AWS's.
	SNSEndpoint string `yaml:"sns_endpoint"`
	// Alertmanager is the URL of a Prometheus Alertmanager, without /api/v2/alerts.
	Alertmanager string `yaml:"alertmanager"`
	// AlertLabels are added to its alerts.
	AlertLabels map[string]string `yaml:"alert_labels"`
	// Command is a program with its arguments, run without a shell; it gets the
	// notification as JSON on its standard input.
	Command []string `yaml:"command"`
	// CommandTimeoutSeconds is how long it may run. Default 30.
	CommandTimeoutSeconds int `yaml:"command_timeout_seconds"`
}

// Crossregion copies logs between sluices of several regions and accounts.
type Crossregion struct {
	// Serve lets other sluices read this one's log on the data port.
	Serve CrossregionServe `yaml:"serve"`
	// Sources are sluices whose logs are copied here.
	Sources []CrossregionSource `yaml:"sources"`
}

// CrossregionServe says who may read the log. With both, both are demanded;
// without either, nobody may.
type CrossregionServe struct {
	// TokenEnvs name environment variables that each hold a token of at least 16
	// characters.
	TokenEnvs []string `yaml:"token_envs"`
	// ClientCAFile holds the certificates, PEM, that sign those of readers.
	ClientCAFile string `yaml:"client_ca_file"`
}

// CrossregionSource is a sluice whose log is copied here, each batch once.
type CrossregionSource struct {
	// Name names the source in metrics, log lines and the copy's state.
	Name string `yaml:"name"`
	// URL is its data port: https://HOST:PORT, or http on loopback.
	URL string `yaml:"url"`
	// TokenEnv names the environment variable that holds the token.
	TokenEnv string `yaml:"token_env"`
	// Insecure allows the token to travel over http to another machine.
	Insecure bool `yaml:"insecure"`
	// CAFile holds the certificates to trust, PEM. Default: the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the certificate to show.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName is what the source's certificate is checked for. Default: the host.
	ServerName string `yaml:"server_name"`
	// Groups select log groups by name; * stands for any characters.
	Groups []string `yaml:"groups"`
	// Except takes some of them out again.
	Except []string `yaml:"except"`
	// CentralGroup names the log group here: {group}, {account}, {region} and
	// {source} in it are replaced. Default {group}.
	CentralGroup string `yaml:"central_group"`
	// CentralStream names the log stream here, with {stream} too. Default {stream}.
	CentralStream string `yaml:"central_stream"`
	// Backfill takes what the source has from before the first contact.
	Backfill bool `yaml:"backfill"`
	// InOrder keeps the order of the source's log also while it is caught up with:
	// new events wait for old ones.
	InOrder bool `yaml:"in_order"`
	// LiveWithinSeconds is the delay from which on a lag is left behind as backlog.
	// Default 2.
	LiveWithinSeconds float64 `yaml:"live_within_seconds"`
	// RateMBPerS bounds the backlog on the wire, in MiB a second; 0 is no bound.
	RateMBPerS float64 `yaml:"rate_mb_per_s"`
	// Compression is zstd, s2 (half the processor time here, half as many bytes
	// again on the wire) or none. Default zstd.
	Compression string `yaml:"compression"`
	// MaxHops is how many sluices an event may have come through: 1 takes what was
	// born at the source. Default 1.
	MaxHops int `yaml:"max_hops"`
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
		return fmt.Errorf("limits: %q is neither aws nor relaxed", c.Limits)
	case c.HTTPIngest.OTLPMessage != "body" && c.HTTPIngest.OTLPMessage != "record":
		return fmt.Errorf("http_ingest.otlp_message: %q is neither body nor record", c.HTTPIngest.OTLPMessage)
	case c.Log.Shards < 1 || c.Log.Shards > store.MaxShards:
		return fmt.Errorf("log.shards: %d is not between 1 and %d", c.Log.Shards, store.MaxShards)
	case c.Log.SegmentBytes < 1<<20:
		return fmt.Errorf("log.segment_bytes: %d is less than 1 MiB (%d)", c.Log.SegmentBytes, 1<<20)
	case c.HTTP.MaxInflatedBytes > event.MaxText:
		return fmt.Errorf("http.max_inflated_bytes: %d is more than a batch can hold (%d)", c.HTTP.MaxInflatedBytes, event.MaxText)
	}
	return c.Storage.check(c.Log)
}
