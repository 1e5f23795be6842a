package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Tenant is who a key belongs to, as far as intake must know.
type Tenant struct {
	Name string
	// KeySHA256 holds the SHA-256 of each of the tenant's keys in hexadecimal.
	// A key reads sl_<id>_<secret>; the hash is of all of it.
	KeySHA256 []string
	// MaxQueued is the most jobs that wait at once; 0 means no limit.
	MaxQueued int
	// Lanes are the lanes the tenant may use; empty means all.
	Lanes []jobs.Lane
	// Operator lets the tenant's keys see and command all tenants' jobs.
	Operator bool
}

// mayUse reports whether the tenant's keys may use the lane.
func (t Tenant) mayUse(l jobs.Lane) bool { return len(t.Lanes) == 0 || slices.Contains(t.Lanes, l) }

// scope is the tenant that reads and commands are restricted to; empty means
// any.
func (t Tenant) scope() string {
	if t.Operator {
		return ""
	}
	return t.Name
}

// OpenTenant is the tenant of an API without keys. Such an API listens on
// loopback only.
const OpenTenant = "default"

// OpenMaxQueued is how many jobs of [OpenTenant] may wait.
const OpenMaxQueued = 10_000

// keyring finds tenants by key.
type keyring struct {
	open bool // no keys at all: everybody is OpenTenant
	keys []ringKey
}

type ringKey struct {
	hash   [sha256.Size]byte
	tenant Tenant
}

func newKeyring(tenants []Tenant) (keyring, error) {
	ring := keyring{open: len(tenants) == 0}
	for _, t := range tenants {
		if err := jobs.ID(t.Name).Validate(); err != nil {
			return keyring{}, fmt.Errorf("tenant name: %w", err)
		}
		for _, text := range t.KeySHA256 {
			hash, err := hex.DecodeString(text)
			if err != nil || len(hash) != sha256.Size {
				return keyring{}, fmt.Errorf("tenant %s: a key_sha256 is not 64 hexadecimal digits", t.Name)
			}
			k := ringKey{[sha256.Size]byte(hash), t}
			if slices.ContainsFunc(ring.keys, func(other ringKey) bool { return other.hash == k.hash }) {
				return keyring{}, fmt.Errorf("tenant %s: a key_sha256 is there twice", t.Name)
			}
			ring.keys = append(ring.keys, k)
		}
	}
	return ring, nil
}

// caller is who sent a request.
type caller struct {
	Tenant
	// keyID is the public part of the key; empty without one.
	keyID string
}

// actor names the caller in a job's history.
func (c caller) actor() string {
	if c.keyID == "" {
		return c.Name
	}
	return c.Name + "/" + c.keyID
}

// authenticate finds out who sent the request, from the key and from nothing
// else.
func (ring keyring) authenticate(h http.Header) (caller, *Problem) {
	if ring.open {
		return caller{Tenant: Tenant{Name: OpenTenant, MaxQueued: OpenMaxQueued, Operator: true}}, nil
	}
	token, p := bearer(h)
	if p != nil {
		return caller{}, p
	}
	t, ok := ring.find(sha256.Sum256([]byte(token)))
	if !ok {
		return caller{}, problem(CodeUnauthorized, "The key is not known.")
	}
	return caller{Tenant: t, keyID: keyID(token)}, nil
}

// find compares with every key, so that the time it takes says nothing.
func (ring keyring) find(hash [sha256.Size]byte) (Tenant, bool) {
	found := -1
	for i := range ring.keys {
		if subtle.ConstantTimeCompare(ring.keys[i].hash[:], hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Tenant{}, false
	}
	return ring.keys[found].tenant, true
}

// maxToken bounds a key in bytes.
const maxToken = 256

func bearer(h http.Header) (string, *Problem) {
	values := h.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", problem(CodeUnauthorized, "Send the header Authorization: Bearer with your key.")
	case len(values) > 1:
		return "", problem(CodeMalformedHeader, "The header is there more than once.").at("Authorization", "more than one value")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(token, "sl_") || len(token) > maxToken {
		return "", problem(CodeUnauthorized, "Send the header Authorization: Bearer with your key, which begins with sl_.")
	}
	return token, nil
}

// keyID is the id in sl_<id>_<secret>; empty when the key has no such part.
func keyID(token string) string {
	id, _, ok := strings.Cut(strings.TrimPrefix(token, "sl_"), "_")
	if !ok || jobs.ID(id).Validate() != nil {
		return ""
	}
	return id
}
