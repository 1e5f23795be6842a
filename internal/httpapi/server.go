package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Config sets the API up.
type Config struct {
	// Version is the program's version, as /version shows it.
	Version string
	// Tenants are who may call. Without any, everybody is the operator
	// [OpenTenant], which needs Loopback.
	Tenants []Tenant
	// Loopback says that only this machine can reach the listener. Then a
	// request whose Host names another machine is refused, because only a
	// browser that was led astray sends such.
	Loopback bool
	// MaxDocumentBytes bounds a document; 0 means 20 MiB.
	MaxDocumentBytes int64
	// MaxBytesInFlight bounds the memory of all bodies that are being
	// received or accepted; 0 means 512 MiB, or four of the largest documents
	// if that is more.
	MaxBytesInFlight int64
	// BodyGrace is how long a body may take whatever its size; 0 means 10 s.
	// A longer one must come at 32 KiB a second.
	BodyGrace time.Duration
	// MaxWaiters bounds the requests that wait for a job; 0 means 4096. One
	// more is answered at once.
	MaxWaiters int
	// JobCost is the service time that the scheduler charges for a job before
	// it has run; 0 means 8 s.
	JobCost time.Duration
	// Notices are shown with every job, such as "no_model_configured".
	Notices []string
}

// WithDefaults returns c with every zero field set to its default.
func (c Config) WithDefaults() Config {
	if c.MaxDocumentBytes == 0 {
		c.MaxDocumentBytes = 20 << 20
	}
	if c.MaxBytesInFlight == 0 {
		c.MaxBytesInFlight = max(512<<20, 4*c.MaxDocumentBytes)
	}
	if c.BodyGrace == 0 {
		c.BodyGrace = 10 * time.Second
	}
	if c.MaxWaiters == 0 {
		c.MaxWaiters = 4096
	}
	if c.JobCost == 0 {
		c.JobCost = 8 * time.Second
	}
	return c
}

func (c Config) validate() error {
	switch {
	case len(c.Tenants) == 0 && !c.Loopback:
		return errors.New("no tenants are configured and the listener is not on loopback: anybody could use the API")
	case c.MaxDocumentBytes < 1 || c.MaxDocumentBytes > 1<<30:
		return fmt.Errorf("max document bytes is %d, want 1 to %d", c.MaxDocumentBytes, 1<<30)
	case c.MaxBytesInFlight < 4*c.MaxDocumentBytes:
		return fmt.Errorf("max bytes in flight is %d, want at least four documents of %d", c.MaxBytesInFlight, c.MaxDocumentBytes)
	case c.BodyGrace < time.Millisecond || c.BodyGrace > time.Hour:
		return fmt.Errorf("body grace is %s, want 1ms to 1h", c.BodyGrace)
	case c.MaxWaiters < 1:
		return fmt.Errorf("max waiters is %d, want at least 1", c.MaxWaiters)
	case c.JobCost < time.Millisecond || c.JobCost > 24*time.Hour:
		return fmt.Errorf("job cost is %s, want 1ms to 24h", c.JobCost)
	}
	return nil
}

// Intake accepts jobs; see [jobs.Engine].
type Intake interface {
	Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error)
	ByKey(ctx context.Context, tenant, key string) (jobs.Job, error)
}

// Reading answers what is known of jobs; see [jobs.Engine].
type Reading interface {
	Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error)
	Attempts(ctx context.Context, tenant string, id jobs.ID) ([]jobs.Attempt, error)
	History(ctx context.Context, tenant string, id jobs.ID, after int64) ([]jobs.Event, error)
	List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error)
}

// Commanding changes jobs on somebody's behalf; see [jobs.Engine].
type Commanding interface {
	Apply(ctx context.Context, c jobs.Command) (jobs.Job, error)
}

// Engine is the part of [jobs.Engine] that the API uses.
type Engine interface {
	Intake
	Reading
	Commanding
	Stats(ctx context.Context) (jobs.Stats, error)
}

// Admission decides whether a job is let in; see [backpressure.Controller].
type Admission interface {
	Admit(r backpressure.Request, now time.Time) backpressure.Decision
	Withdraw(r backpressure.Request)
	ETA(lane jobs.Lane, tenant string, enqueued, now time.Time) (seconds float64, known bool)
}

// Schemas knows the schemas that jobs name or bring.
type Schemas interface {
	// Resolve checks the schema of a job before it is accepted and answers
	// the spec to keep, for example with the schema's version pinned. The
	// error is a [*SchemaFault].
	Resolve(spec jobs.Spec) (jobs.Spec, error)
	// Validate checks data that a person gave against the schema of a job.
	// Pointers name places by the words of the schema, and reasons never
	// repeat data. The error says that the schema itself is not usable.
	Validate(spec jobs.Spec, data []byte) ([]Violation, error)
}

// SchemaFault says why a schema cannot be used. Its words reach the caller.
type SchemaFault struct {
	// Unknown is true for a name that is not registered.
	Unknown bool
	// Pointer is the JSON pointer into the schema, in the words of JSON
	// Schema.
	Pointer string
	Detail  string
}

// Error is the detail.
func (f *SchemaFault) Error() string { return f.Detail }

// Checker looks at a document's bytes before the job is accepted.
type Checker interface {
	// Check answers the media type, found by content, or a [*DocumentFault].
	Check(data []byte) (mediaType string, err error)
}

// DocumentFault says what is wrong with a document. Its words reach the
// caller.
type DocumentFault struct {
	// Class is empty, encrypted, corrupt, too_large, too_many_pages,
	// unsupported_type or another word.
	Class string
	// Detail is a sentence that repeats nothing of the document.
	Detail string
}

// Error is the class.
func (f *DocumentFault) Error() string { return f.Class }

// Watcher tells when a job changes.
type Watcher interface {
	// Watch answers a channel that gets a value after every change of the
	// job, and a function that ends the watch. Changes may fold into one and
	// may get lost: the job is read again at least once a second.
	Watch(id jobs.ID) (changes <-chan struct{}, stop func())
}

// Canceller tells workers that a running job was told to stop. It must not
// block; a worker that is not told learns it with its next lease renewal.
type Canceller interface{ AskCancel(id jobs.ID) }

// Probe is a part that must work for the process to be ready.
type Probe struct {
	Name string
	// Check answers nil while the part works. Its error is not shown.
	Check func(ctx context.Context) error
}

// Deps are what the API is built on. All without a default must be set.
type Deps struct {
	Engine    Engine
	Admission Admission
	Schemas   Schemas
	Documents Checker
	Watcher   Watcher
	Canceller Canceller
	// Explain sums a job's attempts up in sentences.
	Explain func(job jobs.Job, attempts []jobs.Attempt) string
	// NewID makes IDs that sort by time.
	NewID func() jobs.ID
	// Now reads the time; nil means time.Now.
	Now func() time.Time
	// Jitter draws a number from 0 to 1; nil means a random one.
	Jitter func() float64
	// Drain is closed when the process begins to stop: then intake refuses
	// and waiting requests are answered. nil means never.
	Drain <-chan struct{}
	// Archive answers counts and groups; without one their routes are not
	// there.
	Archive Archive
	// Operations carries commands out on many jobs; without it their routes
	// are not there.
	Operations *operations.Operations
	// Tenants keeps what tenants may do; without it [Config].Tenants alone
	// says so, and the routes of operators are not there.
	Tenants *tenants.Directory
	// Gates keeps operators' words on gates; without it their routes are not
	// there.
	Gates Gates
	// Probes are asked by /readyz beside the engine.
	Probes []Probe
	Events Events
}

func (d Deps) withDefaults() (Deps, error) {
	switch {
	case d.Engine == nil, d.Admission == nil, d.Schemas == nil, d.Documents == nil,
		d.Watcher == nil, d.Canceller == nil, d.Explain == nil, d.NewID == nil:
		return d, errors.New("a dependency without a default is missing")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Jitter == nil {
		d.Jitter = rand.Float64
	}
	return d, nil
}

// Server is the HTTP API. Make one with [New].
type Server struct {
	cfg     Config
	deps    Deps
	keys    keyring
	budget  byteBudget
	waiters chan struct{}
	ready   readiness
	mux     *http.ServeMux
	spec    []byte // /openapi.json
}

// New makes the API. The error names what is missing or out of bounds.
func New(cfg Config, deps Deps) (*Server, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	deps, err := deps.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	keys, err := newKeyring(cfg.Tenants)
	if err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	s := &Server{
		cfg: cfg, deps: deps, keys: keys,
		budget:  byteBudget{limit: cfg.MaxBytesInFlight},
		waiters: make(chan struct{}, cfg.MaxWaiters),
	}
	if err := s.routes(); err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	return s, nil
}

// Limits of the HTTP server. Go has no timeouts of its own.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	// maxHeaderBytes is 16 KiB less the slack that net/http adds.
	maxHeaderBytes = 12 << 10
	// writeTimeout is how long an answer may take to be sent once it begins.
	writeTimeout = 30 * time.Second
)

// HTTPServer makes the server to listen with. The caller serves and shuts it
// down, and closes [Deps].Drain before, so that no request waits on.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

// draining reports whether the process is stopping.
func (s *Server) draining() bool {
	select {
	case <-s.deps.Drain:
		return true
	default:
		return false
	}
}
