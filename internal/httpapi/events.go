package httpapi

import (
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Events tells what happens, for logs and metrics. Its functions may be nil,
// are called from many goroutines and must not block. Nothing they are given
// comes from a request's body.
type Events struct {
	// Request is told of each request after its answer.
	Request func(RequestDone)
	// Decided is told of each new submission that was decided on.
	Decided func(lane jobs.Lane, tenant string, d backpressure.Decision)
	// Replayed is told of a submission that was answered with the job of an
	// earlier one.
	Replayed func(tenant string)
	// KeyReused is told of an idempotency key sent with another payload.
	KeyReused func(tenant string)
	// StoreFailed is told of a call of the engine, or of another part behind
	// the API, that failed through no fault of the request.
	StoreFailed func(requestID string, err error)
	// Panicked is told of a request that panicked. The panic's value is left
	// out, because it may hold anything.
	Panicked func(requestID string, stack []byte)
}

// RequestDone says how one request went.
type RequestDone struct {
	ID     string
	Method string
	// Route is the pattern of the route, such as "GET /v1/jobs/{id}"; empty
	// when there is none.
	Route string
	// Tenant is empty while the request is not authenticated.
	Tenant string
	Status int
	// Code is the problem's code; empty without a problem.
	Code     Code
	Duration time.Duration
	// BytesIn and BytesOut count bodies.
	BytesIn, BytesOut int64
}

func (e Events) request(d RequestDone) {
	if e.Request != nil {
		e.Request(d)
	}
}

func (e Events) decided(lane jobs.Lane, tenant string, d backpressure.Decision) {
	if e.Decided != nil {
		e.Decided(lane, tenant, d)
	}
}

func (e Events) replayed(tenant string) {
	if e.Replayed != nil {
		e.Replayed(tenant)
	}
}

func (e Events) keyReused(tenant string) {
	if e.KeyReused != nil {
		e.KeyReused(tenant)
	}
}

func (e Events) storeFailed(requestID string, err error) {
	if e.StoreFailed != nil {
		e.StoreFailed(requestID, err)
	}
}

func (e Events) panicked(requestID string, stack []byte) {
	if e.Panicked != nil {
		e.Panicked(requestID, stack)
	}
}
