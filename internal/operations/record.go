package operations

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Kinds of records.
const (
	// Kind is of operations, ChunkKind of the parts of their selections.
	Kind      = "operation"
	ChunkKind = "op_chunk"
)

// Indexes of operations.
const (
	byState  = "state"
	byTenant = "tenant"
	byBoth   = "tenant_state"
	byOpen   = "open" // the tenant, while the operation has not ended
)

func both(tenant string, s State) string { return tenant + "/" + string(s) }

func encode(o Operation) (jobs.Record, error) {
	value, err := json.Marshal(o)
	if err != nil {
		return jobs.Record{}, fmt.Errorf("encode operation %s: %w", o.ID, err)
	}
	index := map[string]string{byState: string(o.State), byTenant: o.Tenant, byBoth: both(o.Tenant, o.State)}
	if !o.State.Ended() {
		index[byOpen] = o.Tenant
	}
	return jobs.Record{Kind: Kind, ID: o.ID, Version: o.Version, Index: index, Value: value}, nil
}

func decode(r jobs.Record) (Operation, error) {
	var o Operation
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return Operation{}, fmt.Errorf("decode operation %s: %w", r.ID, err)
	}
	o.ID, o.Version, o.UpdatedAt = r.ID, r.Version, r.UpdatedAt
	o.Progress = o.Done.plus(o.Partial)
	return o, nil
}

// maxChunk is how many jobs one part of a selection holds.
const maxChunk = 1000

// chunk is a part of a selection with the rows of its jobs as far as they are
// worked through.
type chunk struct {
	n       int
	version int64
	IDs     []jobs.ID `json:"ids"`
	Rows    []row     `json:"rows,omitempty"`
}

// row is what became of one job. Its job is the one of IDs at its place.
type row struct {
	Result Result `json:"r"`
	// Why is the reason of a failure.
	Why string `json:"w,omitempty"`
	// State and Version are the job's after the change.
	State   jobs.State `json:"s,omitempty"`
	Version int64      `json:"v,omitempty"`
	At      int64      `json:"t"` // in milliseconds since 1970
}

// Result says what became of one job.
type Result string

// The results.
const (
	Applied Result = "applied"
	// Already is for a change that a driver before had made without noting it.
	Already Result = "already"
	NotMade Result = "failed"
)

// progress counts rows.
func progress(rows []row) Progress {
	var p Progress
	for _, r := range rows {
		if r.Result != NotMade {
			p.Applied++
			continue
		}
		p.Failed++
		if p.FailedBy == nil {
			p.FailedBy = map[string]int{}
		}
		p.FailedBy[r.Why]++
	}
	return p
}

// done reports whether all jobs of the part are worked through.
func (c *chunk) done() bool { return len(c.Rows) >= len(c.IDs) }

func chunkID(op jobs.ID, n int) jobs.ID { return jobs.ID(fmt.Sprintf("%s_%03d", op, n)) }

func encodeChunk(op jobs.ID, c *chunk) (jobs.Record, error) {
	value, err := json.Marshal(c)
	if err != nil {
		return jobs.Record{}, fmt.Errorf("encode a part of operation %s: %w", op, err)
	}
	return jobs.Record{Kind: ChunkKind, ID: chunkID(op, c.n), Version: c.version, Value: value}, nil
}

func decodeChunk(r jobs.Record, n int) (*chunk, error) {
	c := &chunk{n: n, version: r.Version}
	if err := json.Unmarshal(r.Value, c); err != nil {
		return nil, fmt.Errorf("decode part %s of an operation: %w", r.ID, err)
	}
	if len(c.IDs) == 0 || len(c.IDs) > maxChunk || len(c.Rows) > len(c.IDs) {
		return nil, fmt.Errorf("part %s of an operation has %d jobs and %d rows", r.ID, len(c.IDs), len(c.Rows))
	}
	return c, nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }
