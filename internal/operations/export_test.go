package operations

import "context"

// SetChunk makes selections of small parts.
func (o *Operations) SetChunk(jobs int) { o.chunk = jobs }

// SetMost bounds how many jobs a selection takes.
func (o *Operations) SetMost(jobs int) { o.most = jobs }

// TidyOnce removes what nobody needs, as Run does once a minute.
func (o *Operations) TidyOnce(ctx context.Context) error { return o.tidy(ctx) }
