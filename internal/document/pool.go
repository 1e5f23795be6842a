package document

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pool parses documents in child processes. It is safe for concurrent use.
//
// No child runs before the first PDF. A child parses one document at a time,
// each in a fresh PDFium, and is replaced when it has served its number of
// documents or bytes, has crashed, or was killed for its time or memory.
type Pool struct {
	config  Config
	argv    []string
	spawner spawner

	slots    chan struct{} // one token per document being parsed
	starting chan struct{} // one token: children start one after another
	waiting  atomic.Int64
	closing  chan struct{}
	closed   sync.Once
	calls    sync.WaitGroup // Parse calls
	watchers sync.WaitGroup // goroutines that wait for children, busy or idle
	spawning sync.WaitGroup // the spawner

	mu       sync.Mutex
	refusing bool // Close was called
	idle     []*process
}

// NewPool returns a pool that has started nothing but one thread. Close it.
func NewPool(config Config) (*Pool, error) {
	config = config.WithDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	argv, err := config.command()
	if err != nil {
		return nil, err
	}
	if err := config.prepareCache(); err != nil {
		return nil, err
	}
	p := &Pool{
		config:   config,
		argv:     argv,
		spawner:  newSpawner(),
		slots:    make(chan struct{}, config.Children),
		starting: make(chan struct{}, 1),
		closing:  make(chan struct{}),
	}
	p.spawning.Go(p.spawner.run)
	return p, nil
}

// Close ends all children, and Parse calls in flight with [ErrClosed]. It
// returns when nothing of the pool runs any more, and is safe to call twice.
func (p *Pool) Close() {
	p.closed.Do(func() {
		p.mu.Lock()
		p.refusing = true
		close(p.closing)
		idle := p.idle
		p.idle = nil
		p.mu.Unlock()
		for _, child := range idle {
			close(child.taken)
			p.end(child, cutClosed.String())
		}
		p.calls.Wait()
		p.watchers.Wait()
		close(p.spawner.requests)
		p.spawning.Wait()
	})
}

// Parse reads a document. The error is a [*Fault] when the document is to
// blame. Any other error is not the document's doing, and the same call may
// succeed later: [ErrBusy], [ErrClosed], one that wraps [ErrChild] when no
// child could be started, or ctx's.
//
// A child that dies over a document gets one more try on a fresh child; if
// that one dies too, the document is taken to be poison and is corrupt.
func (p *Pool) Parse(ctx context.Context, data []byte) (Text, error) {
	kind, err := Check(data, p.config.Limits)
	if err != nil {
		return Text{}, err
	}
	if kind == TypeText {
		return parsePlain(data, p.config.Limits)
	}
	if err := p.enter(ctx); err != nil {
		return Text{}, err
	}
	defer p.leave()
	text, err := p.attempt(ctx, data, false)
	if errors.Is(err, errDied) {
		text, err = p.attempt(ctx, data, true)
	}
	if errors.Is(err, errDied) {
		return Text{}, &Fault{Class: ClassCorrupt, Detail: "the PDF parser died twice over this document"}
	}
	return text, err
}

// enter takes a slot, or a place in the queue for one.
func (p *Pool) enter(ctx context.Context) error {
	p.mu.Lock()
	if p.refusing {
		p.mu.Unlock()
		return ErrClosed
	}
	p.calls.Add(1)
	p.mu.Unlock()
	if err := p.takeSlot(ctx); err != nil {
		p.calls.Done()
		return err
	}
	return nil
}

func (p *Pool) takeSlot(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > int64(p.config.MaxWaiting) {
		return ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a document child: %w", ctx.Err())
	case <-p.closing:
		return ErrClosed
	}
}

func (p *Pool) leave() {
	<-p.slots
	p.calls.Done()
}

// errDied marks a child that ended by itself over a document.
var errDied = errors.New("document child died")

// attempt parses data on a child, a new one if fresh is set.
func (p *Pool) attempt(ctx context.Context, data []byte, fresh bool) (Text, error) {
	child, err := p.child(ctx, fresh)
	if err != nil {
		return Text{}, err
	}
	first := child.documents == 0
	release := p.guard(ctx, child, p.config.Limits.Timeout, p.config.Limits.MaxMemory)
	a, err := child.ask(data, p.config.Limits)
	killed := release()
	switch {
	case err != nil:
		p.end(child, killed.String())
		return Text{}, p.failure(ctx, killed, first)
	case killed != cutNone:
		p.end(child, killed.String())
	case a.Broken:
		p.end(child, "broken")
	case p.worn(child):
		p.end(child, "worn")
	default:
		p.putBack(child)
	}
	return a.outcome()
}

// failure is the error for a child that gave no answer. Memory counts against
// the document only on a child that had nothing else to do before.
func (p *Pool) failure(ctx context.Context, killed cut, first bool) error {
	switch killed {
	case cutTimeout:
		return &Fault{Class: ClassTimeout, Detail: fmt.Sprintf("reading the document took longer than %s", p.config.Limits.Timeout)}
	case cutMemory:
		if first {
			return faultMemory()
		}
	case cutCancelled:
		return fmt.Errorf("parse document: %w", ctx.Err())
	case cutClosed:
		return ErrClosed
	}
	return errDied
}

func (a answer) outcome() (Text, error) {
	switch {
	case a.Text != nil:
		return *a.Text, nil
	case a.Fault != nil:
		return Text{}, a.Fault
	}
	return Text{}, fmt.Errorf("%w: PDFium did not start", ErrChild)
}

// worn reports whether a child has served its time.
func (p *Pool) worn(child *process) bool {
	return child.documents >= p.config.RecycleDocuments ||
		child.bytes >= p.config.RecycleBytes ||
		child.cpu > float64(p.config.cpuSeconds())/2 ||
		residentMemory(child.cmd.Process.Pid) > p.config.Limits.MaxMemory/4*3
}

// child takes an idle child or starts one. A fresh one replaces an idle one,
// so that there are never more children than slots.
func (p *Pool) child(ctx context.Context, fresh bool) (*process, error) {
	for {
		child := p.takeIdle()
		switch {
		case child == nil:
			return p.startChild(ctx)
		case !child.alive():
			p.end(child, "died")
		case fresh:
			p.end(child, "worn")
		default:
			return child, nil
		}
	}
}

func (p *Pool) takeIdle() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	child := p.idle[last]
	p.idle = p.idle[:last]
	close(child.taken)
	return child
}

// putBack makes a child idle, until it is taken or its time is over.
func (p *Pool) putBack(child *process) {
	taken := make(chan struct{})
	p.mu.Lock()
	if p.refusing {
		p.mu.Unlock()
		p.end(child, cutClosed.String())
		return
	}
	child.taken = taken
	p.idle = append(p.idle, child)
	p.mu.Unlock()
	// Close waits for the call this happens in before it waits for watchers.
	p.watchers.Go(func() {
		timer := time.NewTimer(p.config.IdleTimeout)
		defer timer.Stop()
		reason := "died"
		select {
		case <-taken:
			return
		case <-child.exited:
		case <-timer.C:
			reason = "idle"
		}
		if p.removeIdle(child) {
			p.end(child, reason)
		}
	})
}

// removeIdle takes one child off the idle list, if it is still there.
func (p *Pool) removeIdle(child *process) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.idle, child)
	if i < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, i, i+1)
	return true
}

// startChild starts a child and waits until it is ready. Children start one
// after another: the first of all may have to compile PDFium, and the others
// then find it compiled.
func (p *Pool) startChild(ctx context.Context) (*process, error) {
	select {
	case p.starting <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("start a document child: %w", ctx.Err())
	case <-p.closing:
		return nil, ErrClosed
	}
	defer func() { <-p.starting }()
	child, err := newProcess(&p.spawner, p.argv, p.config.Limits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	p.watchers.Go(child.wait)
	// No memory limit yet: a compilation takes 300 MB, and no document's
	// bytes are involved.
	release := p.guard(ctx, child, p.config.StartTimeout, 0)
	err = child.greet(hello{CacheDir: p.config.CacheDir, Limits: p.config.Limits, CPUSeconds: p.config.cpuSeconds()})
	killed := release()
	if err == nil && killed == cutNone {
		p.config.Events.ChildStarted(child.cmd.Process.Pid, time.Since(child.started))
		return child, nil
	}
	p.end(child, "start")
	switch killed {
	case cutCancelled:
		return nil, fmt.Errorf("start a document child: %w", ctx.Err())
	case cutClosed:
		return nil, ErrClosed
	case cutTimeout:
		return nil, fmt.Errorf("%w: not ready after %s", ErrChild, p.config.StartTimeout)
	}
	return nil, fmt.Errorf("%w: %w", ErrChild, err)
}

// end kills a child that nobody else holds and waits until it is gone.
func (p *Pool) end(child *process, reason string) {
	child.kill()
	<-child.exited
	closeAll(child.in, child.out)
	p.config.Events.ChildEnded(child.cmd.Process.Pid, reason)
}
