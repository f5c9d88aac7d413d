package app

// DeliverySources are the sources outside that delivery streams may read.
type DeliverySources struct {
	// Clusters lists Kafka clusters that delivery streams of the type MSKAsSource
	// name by ARN.
	Clusters []KafkaCluster `yaml:"clusters"`
	// Streams lists Kinesis streams that are not of this process, which delivery
	// streams of the type KinesisStreamAsSource name by ARN.
	Streams []KinesisSource `yaml:"streams"`
	// OnGap says what to do when records are gone before they were read: fail stops
	// the part of the source and alarms, skip goes on and says so in the manifests.
	// Default fail.
	OnGap string `yaml:"on_gap"`
	// SpoolBytes bounds the scratch files of what was read and is not delivered.
	// Default 1073741824.
	SpoolBytes int64 `yaml:"spool_bytes"`
}

// KafkaCluster is a Kafka cluster that has an ARN.
type KafkaCluster struct {
	// ARN is that of an MSK cluster, or made up: arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID.
	ARN string `yaml:"arn"`
	// Brokers are HOST:PORT of some brokers of the cluster.
	Brokers []string `yaml:"brokers"`
	// SessionSeconds is how long brokers wait for a silent member. Default 30.
	SessionSeconds int `yaml:"session_seconds"`
	// TLS encrypts the connections: enabled, ca_file, cert_file, key_file, server_name.
	TLS KafkaTLS `yaml:"tls"`
	// SASL signs in: mechanism (plain, scram-sha-256, scram-sha-512 or aws-msk-iam),
	// username, password_env (an environment variable), region.
	SASL KafkaSASL `yaml:"sasl"`
}

// KinesisSource is a Kinesis stream that delivery streams may read. Credentials come
// as for every AWS client. Who reads which shard is kept under _sluice/leases/ in the
// bucket that the delivery stream was made with.
type KinesisSource struct {
	// ARN is the stream's.
	ARN string `yaml:"arn"`
	// Endpoint is the service's; default AWS's in the ARN's region.
	Endpoint string `yaml:"endpoint"`
	// TermSeconds is how long a lease of a shard stands without a sign of life.
	// Default 30.
	TermSeconds int `yaml:"term_seconds"`
}
