package document

import (
	"context"
	"os"
)

// Warm compiles the PDF parser if the cache directory holds no compiled one
// yet, so that the first PDF after an installation need not wait for it. It
// starts one child, which ends when it has been idle for its time. Errors are
// those of [Pool.Parse] that are not the document's.
func (p *Pool) Warm(ctx context.Context) error {
	if p.config.CacheDir == "" || !isEmpty(p.config.CacheDir) {
		return nil
	}
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.leave()
	child, err := p.child(ctx, false)
	if err != nil {
		return err
	}
	p.putBack(child)
	return nil
}

func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}
