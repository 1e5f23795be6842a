package app

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Names lists the metrics of Sluice's own that are registered.
func (m *Metrics) Names() []string {
	described := make(chan *prometheus.Desc)
	go func() {
		m.registry.Describe(described)
		close(described)
	}()
	var names []string
	for d := range described {
		// The description has no other way to tell its name.
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		if name, _, _ := strings.Cut(rest, `"`); strings.HasPrefix(name, "sluice_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
