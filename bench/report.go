//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sluicehq/sluice/bench/internal/figures"
)

// method is the part of the page that does not change: what is measured and
// how.
//
//go:embed method.md
var method string //nolint:gochecknoglobals // embedding needs a variable

// report prints the tables, and writes the page if one is asked for.
func (b *bench) report(o options, stdout io.Writer) error {
	var body strings.Builder
	for _, note := range notes(o, b.environment) {
		body.WriteString(note + "\n\n")
	}
	tables := append([]figures.Table{b.environment.table(o.quick), figures.Verdicts(b.verdicts)}, b.tables...)
	for _, t := range tables {
		body.WriteString(t.String() + "\n")
	}
	if _, err := io.WriteString(stdout, body.String()); err != nil {
		return err
	}
	if o.md == "" {
		return nil
	}
	page := strings.TrimRight(method+"\n"+body.String(), "\n") + "\n"
	return os.WriteFile(o.md, []byte(page), 0o644) //nolint:gosec // a page for everybody
}

// noisyFrom is the share of the processors in the hands of other programs from
// which on figures are said to be disturbed.
const noisyFrom = 0.05

// notes say what a reader must know before the figures.
func notes(o options, e environment) []string {
	var all []string
	if o.quick {
		all = append(all, "**A quick run**: its rounds are short and its backlogs small, so its figures are for orientation only.")
	}
	if e.others >= noisyFrom {
		all = append(all, fmt.Sprintf("**Other programs used %.0f %% of the processors during this run.** Absolute figures are too low by that and more; "+
			"ratios, taken within a round, suffer less.", 100*e.others))
	}
	for _, peer := range o.without {
		all = append(all, fmt.Sprintf("**Left out** by `-without %s`: the systems that need it.", peer))
	}
	if len(o.only) > 0 {
		all = append(all, fmt.Sprintf("**Only** the sections %s were run.", strings.Join(o.only, ", ")))
	}
	return all
}
