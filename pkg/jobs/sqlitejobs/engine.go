package sqlitejobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Engine keeps jobs in a SQLite database. It implements [jobs.Engine] and
// [jobs.Archive]; make one with [Open].
type Engine struct {
	cfg     Config
	dir     *directory
	blobs   *blobs
	inbox   inbox
	readers *readers
	tenants *tenants
	fleet   fleet
	writer  *writer

	work  sync.WaitGroup // the writer
	late  afterwards     // what goes on after its caller has left
	sweep sync.WaitGroup // the search for files that no job needs

	closing   chan struct{} // closed when Close begins
	closeOnce sync.Once
	closed    error

	// failCommit, when set, is what commits fail with in tests.
	failCommit atomic.Pointer[error]
}

var (
	_ jobs.Engine  = (*Engine)(nil)
	_ jobs.Archive = (*Engine)(nil)
)

// Open opens the data directory, makes it when it is missing, and takes back
// the loans that ran when it was last open: their holders lived in the process
// that had it. ctx bounds the opening only.
//
// It refuses, with what to do about it, a directory that another process has
// open or that cannot be written, and a database file that is damaged, made by
// a newer program or not of Sluice at all.
func Open(ctx context.Context, c Config) (*Engine, error) {
	c = c.WithDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	dir, err := openDirectory(c.Dir)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:     c,
		dir:     dir,
		inbox:   inbox{ready: make(chan struct{}, 1)},
		tenants: newTenants(),
		fleet:   fleet{workers: make(map[string]*worker)},
		closing: make(chan struct{}),
	}
	e.blobs = newBlobs(dir.blobs(), !c.UnsafeLoseJobsOnPowerCut)
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open data directory %s: %w", c.Dir, err), e.release())
	}
	return e, nil
}

// start opens the database and fills the memory.
func (e *Engine) start(ctx context.Context) error {
	w := &writer{
		e: e, bulkheads: make(map[string]jobs.Bulkhead),
		extended: make(map[jobs.Token]time.Time), service: make(map[queue]*jobs.ServiceMean),
		logLimit: logLimit, logPatience: logPatience,
	}
	e.writer = w
	if err := w.open(ctx); err != nil {
		return e.dir.explain(err)
	}
	e.readers = newReaders(e.dir.database(), e.cfg.Readers, e.closing)
	// The names of the files made above must not vanish in a power cut.
	if err := syncDir(e.cfg.Dir); err != nil {
		return err
	}
	e.work.Go(w.run)
	e.sweep.Go(e.sweepFiles)
	return nil
}

// begin checks what every call checks.
func (e *Engine) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-e.closing:
		return jobs.ErrClosed
	default:
		return nil
	}
}

// Close lets the writer finish what callers handed it, writes everything into
// the database file and frees the directory.
func (e *Engine) Close() error {
	e.closeOnce.Do(func() {
		close(e.closing)
		e.inbox.close()
		e.work.Wait()
		e.late.wait()
		e.sweep.Wait()
		e.closed = e.release()
	})
	return e.closed
}

// afterwards is work that goes on after its caller has left, until the engine
// closes.
type afterwards struct {
	mu    sync.Mutex
	ended bool
	work  sync.WaitGroup
}

// do begins f; once wait was called, which is when every call is answered and f
// has nothing left to wait for, the caller does it.
func (a *afterwards) do(f func()) {
	a.mu.Lock()
	if a.ended {
		a.mu.Unlock()
		f()
		return
	}
	defer a.mu.Unlock()
	a.work.Go(f)
}

// wait waits for all that was begun.
func (a *afterwards) wait() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.work.Wait()
}

// release frees what a started or half started engine holds.
func (e *Engine) release() error {
	var errs []error
	if e.readers != nil {
		errs = append(errs, e.readers.close())
	}
	if e.writer != nil && e.writer.db != nil {
		errs = append(errs, e.writer.close())
	}
	errs = append(errs, e.dir.unlock())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close data directory %s: %w", e.cfg.Dir, err)
	}
	return nil
}
