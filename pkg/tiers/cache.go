package tiers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// AnswerKey names everything that an answer depends on, and whom it may be
// shown to. Two jobs share an answer only when all of it is equal.
type AnswerKey struct {
	Tenant   string // answers never cross tenants
	Document string // SHA-256 of the bytes
	Schema   string // the pinned name of the schema, or its text
	Prompt   string // the version of the prompt
	Route    string // the model that a full answer comes from
	Class    string // the data class, so that a stricter one never finds more
}

// Hash is the key on one line. Parts are told apart by their lengths, so that
// no two keys share a hash by running into each other.
func (k AnswerKey) Hash() string {
	h := sha256.New()
	for _, part := range []string{k.Tenant, k.Document, k.Schema, k.Prompt, k.Route, k.Class} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// DataClassLabel is the label by which a job says how sensitive its data is.
const DataClassLabel = "data_class"

// CachePolicy says how long answers may be used again. The zero value keeps
// none.
type CachePolicy struct {
	// TTL is how long an answer stands, by data class; the class "" is for
	// jobs that name none. A class that is not listed is never kept.
	TTL map[string]time.Duration
	// StaleFor is for how long beyond that an answer may stand in, with its
	// caveat, when no model can be had. 0 means never.
	StaleFor time.Duration
}

// MaxTTL is the longest time that an answer may stand or stand in.
const MaxTTL = 30 * 24 * time.Hour

// Validate returns an error that names the field, its value and its limit.
func (p CachePolicy) Validate() error {
	for class, ttl := range p.TTL {
		if ttl < 0 || ttl > MaxTTL {
			return fmt.Errorf("cache.ttl.%s is %v, want 0 to %v", class, ttl, MaxTTL)
		}
	}
	if p.StaleFor < 0 || p.StaleFor > MaxTTL {
		return fmt.Errorf("cache.stale_for is %v, want 0 to %v", p.StaleFor, MaxTTL)
	}
	return nil
}

// Keeps is how long the answer of a job may be kept as fresh; 0 for one that
// may not be kept. High-risk jobs neither leave answers nor take them.
func (p CachePolicy) Keeps(j jobs.Job) time.Duration {
	if j.Spec.Risk == jobs.RiskHigh {
		return 0
	}
	return p.TTL[j.Labels[DataClassLabel]]
}

// Judge says what an answer of that age is to a job.
func (p CachePolicy) Judge(j jobs.Job, age time.Duration) Cached {
	ttl := p.Keeps(j)
	switch {
	case ttl <= 0 || age < 0:
		return Cached{}
	case age < ttl:
		return Cached{Fresh: true}
	case age < ttl+p.StaleFor:
		return Cached{Stale: true}
	default:
		return Cached{}
	}
}

// MayKeep reports whether an answer may be kept for other jobs: only one of
// tier 1, in full, that a model gave to this very job.
func MayKeep(q jobs.Quality) bool {
	return q.Tier == 1 && !q.Degraded && !q.Cached && len(q.Lost) == 0
}
