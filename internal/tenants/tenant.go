package tenants

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ErrConfigured marks the deletion of a tenant that the configuration would
// bring back, and ErrNotConfigured the reset of one that it does not name.
var (
	ErrConfigured    = errors.New("the tenant is in the configuration")
	ErrNotConfigured = errors.New("the tenant is not in the configuration")
)

// Limits bound a tenant. The zero value is weight 1 and no limit.
type Limits struct {
	// Weight is the tenant's share inside a lane, 1 to [jobs.MaxWeight]; 0
	// means 1.
	Weight int `json:"weight"`
	// MaxRunning is the most jobs that run at once over all lanes; 0 means no
	// limit.
	MaxRunning int `json:"max_running,omitempty"`
	// MaxQueued is the most jobs that wait, queued or parked, over all lanes;
	// 0 means no limit.
	MaxQueued int `json:"max_queued,omitempty"`
	// Lanes are the lanes that the tenant may use; empty means all.
	Lanes []jobs.Lane `json:"lanes,omitempty"`
	// RequestsPerSecond bounds submissions, and RequestsBurst how many may
	// come at once; 0 means no limit, and a burst of one second's worth.
	RequestsPerSecond float64 `json:"requests_per_second,omitempty"`
	RequestsBurst     int     `json:"requests_burst,omitempty"`
	// BytesPerSecond bounds the bytes of submitted documents, and BytesBurst
	// how many may come at once; 0 means no limit, and a burst of one second's
	// worth. A document that is longer than the burst takes all of it.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
	BytesBurst     int64 `json:"bytes_burst,omitempty"`
	// MicroUSDPerDay is what the tenant's model calls may cost in a day (UTC),
	// in millionths of a US dollar; 0 means no limit.
	MicroUSDPerDay int64 `json:"micro_usd_per_day,omitempty"`
}

// Bounds of limits.
const (
	maxCount = 1 << 30
	maxRate  = 1_000_000
	maxBytes = 1 << 40
	// maxMicroUSD is ten million dollars a day.
	maxMicroUSD = 10_000_000 * 1_000_000
)

// WithDefaults returns l with its weight set, and no lanes as nil.
func (l Limits) WithDefaults() Limits {
	if l.Weight == 0 {
		l.Weight = 1
	}
	if len(l.Lanes) == 0 {
		l.Lanes = nil
	}
	return l
}

// Validate returns an error that wraps [jobs.ErrInvalid] and names the field
// and the limit, or nil.
func (l Limits) Validate() error {
	within := func(name string, v, most int64) error {
		if v < 0 || v > most {
			return fmt.Errorf("%w: %s is %d, want 0 to %d", jobs.ErrInvalid, name, v, most)
		}
		return nil
	}
	err := errors.Join(
		within("weight", int64(l.Weight), jobs.MaxWeight),
		within("max_running", int64(l.MaxRunning), maxCount),
		within("max_queued", int64(l.MaxQueued), maxCount),
		within("requests_burst", int64(l.RequestsBurst), maxRate),
		within("bytes_per_second", l.BytesPerSecond, maxBytes),
		within("bytes_burst", l.BytesBurst, maxBytes),
		within("micro_usd_per_day", l.MicroUSDPerDay, maxMicroUSD),
	)
	if r := l.RequestsPerSecond; math.IsNaN(r) || r < 0 || r > maxRate || r > 0 && r < 0.001 {
		err = errors.Join(err, fmt.Errorf("%w: requests_per_second is %g, want 0 or 0.001 to %d", jobs.ErrInvalid, r, maxRate))
	}
	for i, lane := range l.Lanes {
		if !lane.Valid() || slices.Contains(l.Lanes[:i], lane) {
			err = errors.Join(err, fmt.Errorf("%w: lanes name one that is unknown or there twice", jobs.ErrInvalid))
		}
	}
	return err
}

// equal reports whether two limits say the same.
func (l Limits) equal(other Limits) bool {
	return reflect.DeepEqual(l.WithDefaults(), other.WithDefaults())
}

// Pause keeps a tenant's jobs from starting. What runs goes on.
type Pause struct {
	// Reason is for people; at most [jobs.MaxReasonBytes].
	Reason string `json:"reason,omitempty"`
	// Until is when the pause ends by itself; zero means never.
	Until time.Time `json:"until,omitzero"`
	// RefuseIntake also refuses new jobs, which else are accepted and wait.
	RefuseIntake bool `json:"refuse_intake,omitempty"`
	// By and At say who paused the tenant, and when.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at"`
}

// Tenant is one tenant as it stands.
type Tenant struct {
	// Name identifies the tenant. It is a well-formed [jobs.ID].
	Name string `json:"-"`
	// Version grows with every change; an edit may name the one it means.
	Version int64 `json:"-"`
	Limits
	// Pause is nil unless the tenant is paused.
	Pause *Pause `json:"pause,omitempty"`
	// Edited is true when the limits were set at run time, so that the
	// configuration no longer decides them.
	Edited bool `json:"edited,omitempty"`
	// UpdatedBy says who made the last change; empty for the configuration.
	UpdatedBy string    `json:"updated_by,omitempty"`
	UpdatedAt time.Time `json:"-"`
}

// paused is the pause that is in force at now; nil without one.
func (t Tenant) paused(now time.Time) *Pause {
	if p := t.Pause; p != nil && (p.Until.IsZero() || now.Before(p.Until)) {
		return p
	}
	return nil
}

// at is the tenant as it stands at now: a pause that is over is none.
func (t Tenant) at(now time.Time) Tenant {
	t.Limits = t.WithDefaults()
	t.Pause = t.paused(now)
	return t
}

// bulkhead is what the engine must know of the tenant.
func (t Tenant) bulkhead(now time.Time) jobs.Bulkhead {
	return jobs.Bulkhead{Tenant: t.Name, Weight: t.Weight, MaxRunning: t.MaxRunning, Paused: t.paused(now) != nil}
}

// Kind is the kind of the records that hold tenants.
const Kind = "tenant"

func encode(t Tenant) (jobs.Record, error) {
	value, err := json.Marshal(t)
	if err != nil {
		return jobs.Record{}, fmt.Errorf("encode tenant %s: %w", t.Name, err)
	}
	return jobs.Record{Kind: Kind, ID: jobs.ID(t.Name), Version: t.Version, Value: value}, nil
}

func decode(r jobs.Record) (Tenant, error) {
	var t Tenant
	if err := json.Unmarshal(r.Value, &t); err != nil {
		return Tenant{}, fmt.Errorf("decode tenant %s: %w", r.ID, err)
	}
	if err := t.Validate(); err != nil {
		return Tenant{}, fmt.Errorf("decode tenant %s: %w", r.ID, err)
	}
	t.Name, t.Version, t.UpdatedAt = string(r.ID), r.Version, r.UpdatedAt
	t.Limits = t.WithDefaults()
	return t, nil
}
