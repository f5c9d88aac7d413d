package app

// Sources bring events in by themselves.
type Sources struct {
	// Kafka lists consumer groups that read topics into log groups.
	Kafka []KafkaSource `yaml:"kafka"`
	// Kinesis lists data streams whose records become log events.
	Kinesis []KinesisLogs `yaml:"kinesis"`
	// Delivery is what delivery streams may read.
	Delivery DeliverySources `yaml:"delivery"`
}

// KafkaSource reads topics of a Kafka cluster into log groups: each partition
// into a log stream of its own, each record once.
type KafkaSource struct {
	// Name names the source in metrics and log lines.
	Name string `yaml:"name"`
	// Brokers are HOST:PORT of some brokers of the cluster.
	Brokers []string `yaml:"brokers"`
	// Topics are read by the consumer group group_id.
	Topics []string `yaml:"topics"`
	// GroupID is the consumer group.
	GroupID string `yaml:"group_id"`
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

// KinesisLogs reads a Kinesis stream into log groups, each record once. Credentials
// come as for every AWS client.
type KinesisLogs struct {
	// Name names the source in metrics and log lines.
	Name string `yaml:"name"`
	// ARN is the stream's.
	ARN string `yaml:"arn"`
	// Endpoint is the service's; default AWS's in the ARN's region.
	Endpoint string `yaml:"endpoint"`
	// Payload says what a record is: cloudwatch, a document as subscription filters
	// send it, or raw, one message. Default cloudwatch.
	Payload string `yaml:"payload"`
	// LogGroup is where events go; {group}, {stream}, {account} and {region} of the
	// event's source, {source} and {shard} are replaced. Default {group}.
	LogGroup string `yaml:"log_group"`
	// LogStream is the same for the log stream. Default {stream}.
	LogStream string `yaml:"log_stream"`
	// Start is where a new source begins: earliest or latest. Default earliest.
	Start string `yaml:"start"`
	// OnGap says what to do when records are gone before they were read: fail stops
	// the shard and alarms, skip goes on and counts. Default fail.
	OnGap string `yaml:"on_gap"`
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
	// CertFile is the client's certificate, PEM, if brokers want one.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the file of its key.
	KeyFile string `yaml:"key_file"`
	// ServerName is what certificates are checked for. Default: the dialled host.
	ServerName string `yaml:"server_name"`
}

// KafkaSASL says who signs in to brokers.
type KafkaSASL struct {
	// Mechanism is plain, scram-sha-256, scram-sha-512 or aws-msk-iam.
	Mechanism string `yaml:"mechanism"`
	// Username is the account's.
	Username string `yaml:"username"`
	// PasswordEnv names the environment variable that holds the password.
	PasswordEnv string `yaml:"password_env"`
	// Region is the cluster's, for aws-msk-iam.
	Region string `yaml:"region"`
}
