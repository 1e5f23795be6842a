package operations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Engine is the part of [jobs.Engine] that operations need.
type Engine interface {
	Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error)
	List(ctx context.Context, f jobs.Filter, p jobs.Page) ([]jobs.Job, error)
	History(ctx context.Context, tenant string, id jobs.ID, after int64) ([]jobs.Event, error)
	Apply(ctx context.Context, c jobs.Command) (jobs.Job, error)
	Records() jobs.Records
}

// Events tells what happens, for logs and metrics. Its functions may be nil and
// must not block.
type Events struct {
	// Changed is told when an operation comes to another state here.
	Changed func(o Operation)
	// Worked is told of each job that an operation worked on here. why is the
	// reason of a failure.
	Worked func(o Operation, result Result, why string)
	// Removed is told of an operation whose records were removed.
	Removed func(id jobs.ID)
	// Failed is told of trouble with the engine. It is tried again.
	Failed func(id jobs.ID, err error)
}

func (e Events) changed(o Operation) {
	if e.Changed != nil {
		e.Changed(o)
	}
}

func (e Events) worked(o Operation, r row) {
	if e.Worked != nil {
		e.Worked(o, r.Result, r.Why)
	}
}

func (e Events) removed(id jobs.ID) {
	if e.Removed != nil {
		e.Removed(id)
	}
}

func (e Events) failed(id jobs.ID, err error) {
	if e.Failed != nil {
		e.Failed(id, err)
	}
}

// Config sets operations up. Engine must be set; the zero value of the rest
// works.
type Config struct {
	Engine Engine
	// Owner names this process, for people.
	Owner string
	// AskCancel tells workers that a running job was told to stop. It must not
	// block.
	AskCancel func(id jobs.ID)
	// Now reads the time; nil means time.Now.
	Now func() time.Time
	// Lease is how long a driver may be silent before another goes on; 0 means
	// 15 s.
	Lease time.Duration
	// Poll is how often operations to drive are looked for; 0 means 1 s.
	Poll time.Duration
	// Parallel is how many operations of one owner this process drives at
	// once; 0 means 4.
	Parallel int
	// KeepDrafts is how long a draft waits for its start before it is removed;
	// 0 means 24 h.
	KeepDrafts time.Duration
	// Keep is how long an operation is kept after it ended; 0 means for ever.
	Keep   time.Duration
	Events Events
}

// WithDefaults returns c with every zero field set to its default.
func (c Config) WithDefaults() Config {
	if c.AskCancel == nil {
		c.AskCancel = func(jobs.ID) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Lease == 0 {
		c.Lease = 15 * time.Second
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.KeepDrafts == 0 {
		c.KeepDrafts = 24 * time.Hour
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Engine == nil:
		return errors.New("the engine is missing")
	case c.Lease < 3*time.Second || c.Lease > time.Hour:
		return fmt.Errorf("lease is %s, want 3s to 1h", c.Lease)
	case c.Poll < 10*time.Millisecond || c.Poll > time.Minute:
		return fmt.Errorf("poll is %s, want 10ms to 1m", c.Poll)
	case c.Parallel < 1 || c.Parallel > 64:
		return fmt.Errorf("parallel is %d, want 1 to 64", c.Parallel)
	case c.KeepDrafts < time.Minute:
		return fmt.Errorf("keep drafts is %s, want at least 1m", c.KeepDrafts)
	case c.Keep < 0:
		return fmt.Errorf("keep is %s, want 0 or more", c.Keep)
	}
	return nil
}

// Operations makes, shows and drives operations. All methods are safe for
// concurrent use. Make one with [New] and drive with [Operations.Run].
type Operations struct {
	cfg     Config
	records jobs.Records
	token   string        // of all leases taken here
	chunk   int           // jobs in a part of a selection
	most    int           // jobs in a selection
	wake    chan struct{} // capacity 1: look for operations to drive

	mu      sync.Mutex
	last    uint64             // time of the last ID, in milliseconds
	driving map[jobs.ID]string // here: the owners
}

// New makes operations. An error wraps [jobs.ErrInvalid] and names the field.
func New(cfg Config) (*Operations, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("operations: %w: %w", jobs.ErrInvalid, err)
	}
	return &Operations{
		cfg: cfg, records: cfg.Engine.Records(), token: rand.Text(), chunk: maxChunk, most: MaxJobs, wake: make(chan struct{}, 1), driving: map[jobs.ID]string{},
	}, nil
}

// newID makes an ID that sorts by falling time, so that records list with the
// newest operation first.
func (o *Operations) newID() (jobs.ID, error) {
	o.mu.Lock()
	o.last = max(ulid.Timestamp(o.cfg.Now()), o.last+1)
	at := ulid.MaxTime() - o.last
	o.mu.Unlock()
	id, err := ulid.New(at, rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make an ID: %w", err)
	}
	return jobs.ID("op_" + id.String()), nil
}

// put writes an operation if nobody has since it was read.
func (o *Operations) put(ctx context.Context, op Operation) (Operation, error) {
	r, err := encode(op)
	if err != nil {
		return op, err
	}
	if r, err = o.records.Put(ctx, r); err != nil {
		return op, fmt.Errorf("write operation %s: %w", op.ID, err)
	}
	op.Version, op.UpdatedAt = r.Version, r.UpdatedAt
	op.Progress = op.Done.plus(op.Partial)
	return op, nil
}

// read reads an operation as it was written last.
func (o *Operations) read(ctx context.Context, id jobs.ID) (Operation, error) {
	r, err := o.records.Get(ctx, Kind, id)
	if err != nil {
		return Operation{}, fmt.Errorf("operation: %w", err)
	}
	return decode(r)
}

func (o *Operations) readChunk(ctx context.Context, id jobs.ID, n int) (*chunk, error) {
	r, err := o.records.Get(ctx, ChunkKind, chunkID(id, n))
	if err != nil {
		return nil, fmt.Errorf("part %d of operation %s: %w", n, id, err)
	}
	return decodeChunk(r, n)
}

// putChunk writes a part if nobody has since it was read.
func (o *Operations) putChunk(ctx context.Context, id jobs.ID, c *chunk) error {
	r, err := encodeChunk(id, c)
	if err != nil {
		return err
	}
	if r, err = o.records.Put(ctx, r); err != nil {
		return fmt.Errorf("write part %d of operation %s: %w", c.n, id, err)
	}
	c.version = r.Version
	return nil
}
