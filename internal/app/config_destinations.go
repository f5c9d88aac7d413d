package app

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
