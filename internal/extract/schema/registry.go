package schema

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

//go:embed builtin/*.json
var builtin embed.FS

// ErrUnknown marks a schema name that is not registered.
var ErrUnknown = errors.New("unknown schema")

// Registry holds schemas by name and version. It never changes after it was
// made and is safe for concurrent use.
type Registry struct {
	byName map[string]*Schema // "invoice@1"
	latest map[string]int     // "invoice" → 1
}

// NewRegistry returns a registry of the built-in schemas.
func NewRegistry() (*Registry, error) {
	files, err := builtin.ReadDir("builtin")
	if err != nil {
		return nil, fmt.Errorf("read built-in schemas: %w", err)
	}
	r := &Registry{byName: map[string]*Schema{}, latest: map[string]int{}}
	for _, f := range files {
		raw, err := builtin.ReadFile(path.Join("builtin", f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read built-in schema %s: %w", f.Name(), err)
		}
		if err := r.add(strings.TrimSuffix(f.Name(), ".json"), raw); err != nil {
			return nil, fmt.Errorf("built-in schema %s: %w", f.Name(), err)
		}
	}
	return r, nil
}

func (r *Registry) add(name string, raw []byte) error {
	plain, version, ok := strings.Cut(name, "@")
	n, err := strconv.Atoi(version)
	if !ok || err != nil || n < 1 {
		return fmt.Errorf("name %q must end in @ and a version", name)
	}
	s, err := compile(name, raw)
	if err != nil {
		return err
	}
	r.byName[name] = s
	r.latest[plain] = max(r.latest[plain], n)
	return nil
}

// Lookup returns the schema of a name with its version ("invoice@1") or the
// latest version of a plain name ("invoice"). The error wraps ErrUnknown.
func (r *Registry) Lookup(name string) (*Schema, error) {
	if n, ok := r.latest[name]; ok {
		name = fmt.Sprintf("%s@%d", name, n)
	}
	if s, ok := r.byName[name]; ok {
		return s, nil
	}
	return nil, fmt.Errorf("%w %.64q", ErrUnknown, name)
}
