package awsapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
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
	// BearerTokens open the Endpoints, besides SigV4. When there are any, a
	// request without credentials is refused everywhere.
	BearerTokens []BearerToken
	// Endpoints are served on paths of their own beside POST /.
	Endpoints []Endpoint
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

func (c *Config) setDefaults() {
	setDefault(&c.AccountID, "000000000000")
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.MaxWireBytes, 8<<20)
	setDefault(&c.MaxBodyBytes, 16<<20)
	setDefault(&c.MaxConcurrent, 1024)
	setDefault(&c.BodyTimeout, 60*time.Second)
	setDefault(&c.WriteTimeout, 60*time.Second)
	if c.Budget == nil {
		c.Budget = NewBudget(256 << 20)
	}
	if c.Clock == nil {
		c.Clock = clock.Machine{}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Observer is told of every request when its answer has been handed to the
// connection. It is called from many goroutines at once.
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
	cfg      Config
	ops      map[string]Operation // by target
	actions  map[queryAction]Operation
	models   map[string]*ServiceModel // by service
	verifier *verifier                // nil when any signature is accepted
	places   chan struct{}            // one token per request under way

	endpoints map[string]*Endpoint // by path
	tokens    tokens

	told atomic.Int64 // second of the last fault that was logged
}

// New checks the configuration and the operations.
func New(cfg Config, ops ...Operation) (*Server, error) {
	cfg.setDefaults()
	s := &Server{
		cfg:     cfg,
		ops:     make(map[string]Operation, len(ops)),
		actions: make(map[queryAction]Operation),
		models:  make(map[string]*ServiceModel),
		places:  make(chan struct{}, cfg.MaxConcurrent),
	}
	if !isAccount(cfg.AccountID) {
		return nil, fmt.Errorf("check account_id %q: want twelve digits", cfg.AccountID)
	}
	if !isRegion(cfg.Region) {
		return nil, fmt.Errorf("check region %q: want letters, digits and hyphens", cfg.Region)
	}
	for _, op := range ops {
		if op.Service == "" || op.Target == "" || op.serve == nil {
			return nil, fmt.Errorf("add operation %q: service, target and handler are needed", op.Target)
		}
		if _, taken := s.ops[op.Target]; taken {
			return nil, fmt.Errorf("add operation %q: given twice", op.Target)
		}
		s.ops[op.Target] = op
		s.addModel(op)
	}
	if err := s.addEndpoints(cfg); err != nil {
		return nil, err
	}
	if len(cfg.Credentials)+len(cfg.BearerTokens) > 0 {
		var err error
		if s.verifier, err = newVerifier(cfg); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// queryAction is how the query protocol names an operation.
type queryAction struct{ version, action string }

// addModel makes an operation known to the query protocol.
func (s *Server) addModel(op Operation) {
	m := op.model
	if m == nil {
		return
	}
	s.models[m.Service] = m
	if m.Version == "" {
		return
	}
	s.actions[queryAction{m.Version, op.Target[strings.LastIndexByte(op.Target, '.')+1:]}] = op
}

// modelOf is the model of the service that a target or else a signature names,
// nil for services of AWS JSON alone.
func (s *Server) modelOf(target, service string) *ServiceModel {
	if op, ok := s.ops[target]; ok {
		return op.model
	}
	return s.models[service]
}

// ServeHTTP answers one AWS request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{server: s, w: w, r: r, control: http.NewResponseController(w), started: time.Now()}
	x.request.ID = newRequestID()
	x.request.Header = r.Header
	x.reply.open = x.openStream
	defer x.end()
	x.answer(x.run())
}
