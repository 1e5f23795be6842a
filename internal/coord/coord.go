// Package coord carries what processes tell each other and may forget:
// heartbeats with load, job events, and requests to stop a job. It speaks core
// NATS. Nothing it carries matters after a restart: the engine alone holds the
// truth, and every message here is a hint that makes something happen sooner.
package coord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The subjects. All begin with "sluice.", so that one permission covers them.
const (
	subjectLoad   = "sluice.v1.load"
	subjectEvents = "sluice.v1.events"
	subjectCancel = "sluice.v1.cancel"
)

// maxMessage bounds a message that this package is willing to decode, in
// bytes. NATS itself refuses more than 1 MiB by default.
const maxMessage = 1 << 20

// eventsPerMessage keeps a message of events well below what NATS carries.
const eventsPerMessage = 500

// Heartbeat is what a worker says of itself once a second.
type Heartbeat struct {
	Worker string `json:"worker"`
	// Boot differs between two lives of a worker with the same name.
	Boot int64 `json:"boot"`
	// Seq counts the heartbeats of this boot from 1.
	Seq int64 `json:"seq"`
	// Slots is how many jobs the worker runs at once, Busy how many it runs
	// now.
	Slots int `json:"slots"`
	Busy  int `json:"busy"`
	// ServiceMS is the recent mean time a job holds its slot, in
	// milliseconds; 0 before the first job.
	ServiceMS float64 `json:"service_ms"`
	// Done counts the jobs settled since boot.
	Done int64 `json:"done"`
	// MemoryShare is the share of the process's memory limit in use, 0 to 1;
	// 0 without a limit.
	MemoryShare float64 `json:"memory_share"`
	Draining    bool    `json:"draining,omitempty"`
	// Gates are the routes that this worker stays away from for now.
	Gates []Gate `json:"gates,omitempty"`
}

// Gate keeps workers away from a route. It carries the time that is left, not a
// time of day, because clocks differ.
type Gate struct {
	Name   string `json:"name"`
	LeftMS int64  `json:"left_ms"`
	Reason string `json:"reason"`
}

// CancelRequest asks the worker that runs a job to look at its lease now.
type CancelRequest struct {
	Job jobs.ID `json:"job"`
}

// Observer is told what goes wrong on the bus; its functions may be nil and
// must not block.
type Observer struct {
	// Connection reports a change between connected and away.
	Connection func(connected bool, err error)
	// Dropped counts messages that could not be sent or read, by subject.
	Dropped func(subject string, n int)
}

func (o Observer) dropped(subject string, n int) {
	if o.Dropped != nil {
		o.Dropped(subject, n)
	}
}

// Config says where NATS is. Exactly one of URL and InProcess is set.
type Config struct {
	// URL is a NATS URL or a comma-separated list of them.
	URL string
	// InProcess is a server inside this process; see package embedded.
	InProcess nats.InProcessConnProvider
	// Name shows up in the server's list of connections.
	Name     string
	Observer Observer
}

// Bus is a connection to NATS. All methods are safe for concurrent use and none
// blocks on the network: while NATS is away, messages are dropped and counted.
type Bus struct {
	conn     *nats.Conn
	observer Observer
	events   chan []jobs.Event
	stop     chan struct{}
	stopOnce sync.Once
	closed   chan struct{} // after the last call of the observer by the connection
	wg       sync.WaitGroup
}

// Connect opens a bus. It returns at once even when NATS at the URL is away:
// the bus keeps trying, and [Bus.Connected] says how it stands. An error means
// that the configuration cannot work.
func Connect(c Config) (*Bus, error) {
	if (c.URL == "") == (c.InProcess == nil) {
		return nil, errors.New("coord: exactly one of a NATS URL and an in-process server must be given")
	}
	b := &Bus{observer: c.Observer, events: make(chan []jobs.Event, 256), stop: make(chan struct{}), closed: make(chan struct{})}
	conn, err := nats.Connect(c.URL, b.options(c)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	b.conn = conn
	b.wg.Go(b.pumpEvents)
	return b, nil
}

func (b *Bus) options(c Config) []nats.Option {
	report := func(connected bool, err error) {
		if b.observer.Connection != nil {
			b.observer.Connection(connected, err)
		}
	}
	opts := []nats.Option{
		nats.Name(c.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.Timeout(2 * time.Second),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		// A message that could not be sent is stale by the time the server is
		// back: none is kept.
		nats.ReconnectBufSize(-1),
		nats.ConnectHandler(func(*nats.Conn) { report(true, nil) }),
		nats.ReconnectHandler(func(*nats.Conn) { report(true, nil) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { report(false, err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			subject := "connection"
			if s != nil {
				subject = s.Subject
			}
			b.observer.dropped(subject, 1)
		}),
	}
	if c.InProcess != nil {
		opts = append(opts, nats.InProcessServer(c.InProcess))
	}
	return opts
}

// Connected reports whether NATS is there now. When it is not, jobs still flow
// from the engine alone.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Flush waits until the server has seen everything sent and subscribed so far. ctx
// must have a deadline.
func (b *Bus) Flush(ctx context.Context) error {
	if err := b.conn.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("flush the bus: %w", err)
	}
	return nil
}

// Close ends the bus and waits for its goroutines: the observer is not called
// after it. It is safe to call twice, but not from the observer.
func (b *Bus) Close() {
	b.stopOnce.Do(func() { close(b.stop) })
	b.wg.Wait()
	b.conn.Close()
	<-b.closed
}

// Beat publishes a heartbeat.
func (b *Bus) Beat(h Heartbeat) { b.publish(subjectLoad, h) }

// AskCancel tells the worker that runs the job to look at its lease now.
func (b *Bus) AskCancel(id jobs.ID) { b.publish(subjectCancel, CancelRequest{Job: id}) }

// Publish sends events to all processes. It never blocks: when the bus is
// behind, the events are dropped and counted, and listeners find out by
// reading the job.
func (b *Bus) Publish(events []jobs.Event) {
	select {
	case b.events <- events:
	default:
		b.observer.dropped(subjectEvents, len(events))
	}
}

// pumpEvents marshals events outside the engine's commit path, so that a commit
// never waits for it.
func (b *Bus) pumpEvents() {
	for {
		select {
		case <-b.stop:
			return
		case batch := <-b.events:
			for len(batch) > 0 {
				n := min(len(batch), eventsPerMessage)
				b.publishEvents(batch[:n])
				batch = batch[n:]
			}
		}
	}
}

// publishEvents sends events in as few messages as carry them: reasons and
// actors can make them many times as long as usual.
func (b *Bus) publishEvents(batch []jobs.Event) {
	err := b.send(subjectEvents, batch)
	if half := len(batch) / 2; half > 0 && errors.Is(err, nats.ErrMaxPayload) {
		b.publishEvents(batch[:half])
		b.publishEvents(batch[half:])
		return
	}
	if err != nil {
		b.observer.dropped(subjectEvents, len(batch))
	}
}

func (b *Bus) publish(subject string, v any) {
	if err := b.send(subject, v); err != nil {
		b.observer.dropped(subject, 1)
	}
}

// send sends a message, which others would not decode if it were too long.
func (b *Bus) send(subject string, v any) error {
	data, err := json.Marshal(v)
	switch {
	case err != nil:
		return err
	case len(data) > maxMessage:
		return nats.ErrMaxPayload
	}
	return b.conn.Publish(subject, data)
}

// OnBeat calls f with every heartbeat until the bus closes, one at a time.
func (b *Bus) OnBeat(f func(Heartbeat)) error { return listen(b, subjectLoad, f) }

// OnEvents calls f with the events of all processes, this one's included, until
// the bus closes, one batch at a time.
func (b *Bus) OnEvents(f func([]jobs.Event)) error { return listen(b, subjectEvents, f) }

// OnCancel calls f with every request to stop a job until the bus closes, one at
// a time.
func (b *Bus) OnCancel(f func(CancelRequest)) error { return listen(b, subjectCancel, f) }

// listen subscribes f. A message that does not decode is dropped and counted:
// on a shared NATS it may come from anyone.
func listen[T any](b *Bus, subject string, f func(T)) error {
	_, err := b.conn.Subscribe(subject, func(m *nats.Msg) {
		var v T
		if len(m.Data) > maxMessage || json.Unmarshal(m.Data, &v) != nil {
			b.observer.dropped(subject, 1)
			return
		}
		f(v)
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return nil
}
