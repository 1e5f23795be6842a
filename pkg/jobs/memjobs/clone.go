package memjobs

import (
	"bytes"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// cloneJob returns a copy of j that shares no memory with it.
func cloneJob(j jobs.Job) jobs.Job {
	j.Labels = maps.Clone(j.Labels)
	j.Spec.SchemaJSON = bytes.Clone(j.Spec.SchemaJSON)
	j.Result = cloneResult(j.Result)
	if j.Review != nil {
		review := *j.Review
		review.Candidates = cloneCandidates(review.Candidates)
		review.Draft = bytes.Clone(review.Draft)
		j.Review = &review
	}
	if j.Failure != nil {
		failure := *j.Failure
		j.Failure = &failure
	}
	return j
}

// cloneOutcome copies the parts of o that a job keeps.
func cloneOutcome(o jobs.Outcome) jobs.Outcome {
	o.Result = cloneResult(o.Result)
	o.Candidates = cloneCandidates(o.Candidates)
	return o
}

func cloneResult(r *jobs.Result) *jobs.Result {
	if r == nil {
		return nil
	}
	c := *r
	c.Data = bytes.Clone(r.Data)
	c.Fields = cloneFields(r.Fields)
	c.Missing = slices.Clone(r.Missing)
	c.Quality.Reasons = slices.Clone(r.Quality.Reasons)
	c.Quality.Lost = slices.Clone(r.Quality.Lost)
	return &c
}

func cloneCandidates(cs []jobs.Candidate) []jobs.Candidate {
	cs = slices.Clone(cs)
	for i, c := range cs {
		cs[i].Data = bytes.Clone(c.Data)
		cs[i].Fields = cloneFields(c.Fields)
		cs[i].Reasons = slices.Clone(c.Reasons)
	}
	return cs
}

func cloneFields(fields map[string]jobs.Field) map[string]jobs.Field {
	fields = maps.Clone(fields)
	for k, f := range fields {
		f.Citations = slices.Clone(f.Citations)
		for i, c := range f.Citations {
			if c.Box != nil {
				box := *c.Box
				f.Citations[i].Box = &box
			}
		}
		f.Checks = slices.Clone(f.Checks)
		fields[k] = f
	}
	return fields
}
