package app

import (
	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Extraction joins the clients of the configured routes to an extractor. stop
// drops their connections.
func Extraction(c config.Config) (prepare func(jobs.Spec, document.Text) (ladder.Extraction, error), stop func(), err error) {
	x, err := newExtraction(c)
	if err != nil {
		return nil, nil, err
	}
	return x.prepare, x.close, nil
}
