package tenants

import "context"

// LookOnce looks for changes as Run does.
func (d *Directory) LookOnce(ctx context.Context) { d.look(ctx) }
