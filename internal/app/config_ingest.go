package app

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
