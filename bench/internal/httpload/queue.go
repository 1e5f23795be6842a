//go:build linux

package httpload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/bench/internal/queue"
)

// Served is an API in a process of its own as a queue. When it waits for its
// jobs, a put ends with the job; else the jobs pile up.
type Served struct {
	server *child.Server
	client *Client
	waits  bool
}

var _ queue.Queue = (*Served)(nil)

// maxWait is how long a put waits for its job to end.
const maxWait = 30 * time.Second

// Options say how the API is set up.
type Options struct {
	Store   child.Store
	Workers child.Workers
	Dir     string
	Slots   int
	// Document is the text of each job's document.
	Document string
}

// Serve starts an API.
func Serve(o Options) (*Served, error) {
	server, err := child.StartServer(o.Store, o.Workers, o.Dir, o.Slots)
	if err != nil {
		return nil, err
	}
	r := Request{Addr: server.Addr, Key: child.Key, Document: o.Document}
	if o.Workers != child.Nobody {
		r.Wait = maxWait
	}
	client, err := New(r)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &Served{server, client, r.Wait > 0}, nil
}

// Put implements [queue.Queue].
func (s *Served) Put(ctx context.Context) error {
	status, body, err := s.client.Do(ctx)
	switch {
	case err != nil:
		return err
	case !s.waits && status == http.StatusAccepted:
		return nil
	case s.waits && status == http.StatusOK && bytes.Contains(body, []byte(`"state":"succeeded"`)):
		return nil
	}
	return fmt.Errorf("the API answers %d: %.300s", status, body)
}

// Work implements [queue.Queue]: the server's own worker does the jobs.
func (s *Served) Work(context.Context, func()) (func() error, error) {
	return nil, errors.New("a served API does its own work")
}

// Check implements [queue.Queue].
func (s *Served) Check(_ context.Context, put, _ int64) error {
	accepted, succeeded, err := s.server.Counts()
	if err != nil {
		return err
	}
	wanted := int64(0)
	if s.waits {
		wanted = put
	}
	if accepted != put || succeeded != wanted {
		return fmt.Errorf("the server accepted %d jobs, want %d, and %d succeeded, want %d", accepted, put, succeeded, wanted)
	}
	return nil
}

// CPU implements [queue.Queue]: that of the server alone.
func (s *Served) CPU() (time.Duration, error) { return machine.Processors(s.server.PID()) }

// Close implements [queue.Queue].
func (s *Served) Close() error { return errors.Join(s.client.Close(), s.server.Close()) }
