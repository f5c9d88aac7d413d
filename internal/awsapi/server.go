package awsapi

import (
	"log/slog"
	"net/http"
	"time"

	"sluice/internal/clock"
)

// Config is the Server's part of the configuration. The zero value works.
type Config struct {
	// AccountID is the account of callers whose access key is not twelve
	// digits. Default 000000000000.
	AccountID string
	// Region is the region of unsigned requests. Default us-east-1.
	Region string
	// Credentials, when there are any, make SigV4 obligatory.
	Credentials []Credential
	// AllowUnsignedPayload accepts x-amz-content-sha256: UNSIGNED-PAYLOAD.
	AllowUnsignedPayload bool

	// MaxWireBytes bounds a body as sent. Default 8 MiB.
	MaxWireBytes int
	// MaxBodyBytes bounds a body after decompression. Default 16 MiB.
	MaxBodyBytes int
	// Budget bounds the bytes of all bodies held at once. Default: an own one
	// of 256 MiB; share one with the other listeners of the process.
	Budget *Budget
	// MaxConcurrent bounds the requests between their header and the end of
	// their answer, streams excepted. Default 1024.
	MaxConcurrent int
	// BodyTimeout bounds the wait for a whole body. Default 60 s.
	BodyTimeout time.Duration
	// WriteTimeout bounds the sending of an answer, and each write of a
	// stream. Default 60 s.
	WriteTimeout time.Duration

	// Clock is for signature skew and expiry. Default clock.Machine.
	Clock clock.Clock
	// Observer is told of every request. Default: none.
	Observer Observer
	// Log gets panics and internal failures. Default slog.Default.
	Log *slog.Logger
}

// Credential is one access key that is accepted.
type Credential struct {
	AccessKey string
	SecretKey string
	// SessionToken, when set, must be sent along in X-Amz-Security-Token.
	SessionToken string
	// Expires, when set, ends the credential.
	Expires time.Time
	// Account overrides the account rule for this key.
	Account string
}

// Observer is told of every request when its answer has been sent. It is called
// from many goroutines at once.
type Observer interface {
	Served(Exchange)
}

// Exchange is what there is to say about one request.
type Exchange struct {
	Service   string // "unknown" unless an operation was found, to bound labels
	Operation string // bare, "PutLogEvents", or "unknown"
	Code      string // "" for success, else the AWS error code
	Status    int
	Elapsed   time.Duration
	WireBytes int   // of the request's body as sent
	BodyBytes int   // of the request's body, inflated
	SentBytes int64 // of the answer's body
}

// Server dispatches AWS requests. It is an http.Handler and owns no goroutine.
type Server struct {
	cfg Config
}

// New checks the configuration and the operations.
func New(cfg Config, ops ...Operation) (*Server, error) { return &Server{cfg: cfg}, nil }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
