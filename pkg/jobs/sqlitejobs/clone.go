package sqlitejobs

import (
	"bytes"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// cloneResult is a copy of r that shares no memory with it. Answering with it
// is several times cheaper than decoding what was just encoded.
func cloneResult(r *jobs.Result) *jobs.Result {
	c := *r
	c.Data = bytes.Clone(r.Data)
	c.Fields = maps.Clone(r.Fields)
	for name, f := range c.Fields {
		f.Checks = slices.Clone(f.Checks)
		f.Citations = slices.Clone(f.Citations)
		for i, at := range f.Citations {
			if at.Box != nil {
				box := *at.Box
				f.Citations[i].Box = &box
			}
		}
		c.Fields[name] = f
	}
	c.Missing = slices.Clone(r.Missing)
	c.Quality.Reasons = slices.Clone(r.Quality.Reasons)
	c.Quality.Lost = slices.Clone(r.Quality.Lost)
	return &c
}
