package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// needing are the states that need somebody.
func needing() []jobs.State { return []jobs.State{jobs.Failed, jobs.Expired, jobs.InReview} }

// filterFlags are the flags that select jobs, in the words of the API.
type filterFlags struct {
	states, lanes, classes, labels []string
	tenant, schema, provider       string
	tier                           int
	since, until                   string
}

func (f *filterFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.states, "state", nil, "failed, expired or in_review (default all three)")
	flags.StringSliceVar(&f.lanes, "lane", nil, "critical, interactive, standard or batch")
	flags.StringSliceVar(&f.classes, "class", nil, "error class of the failure, such as corrupt")
	flags.StringArrayVar(&f.labels, "label", nil, "a label as `k=v`; repeat for more")
	flags.StringVar(&f.tenant, "tenant", "", "one tenant's jobs")
	flags.StringVar(&f.schema, "schema", "", "the schema as the job has it, such as invoice@1")
	flags.StringVar(&f.provider, "provider", "", "provider of the failure")
	flags.IntVar(&f.tier, "tier", 0, "the tier that ended the job, 1 to 4")
	flags.StringVar(&f.since, "since", "", "accepted at this `time` or later: 2h ago, or 2026-11-22T10:00:00Z")
	flags.StringVar(&f.until, "until", "", "accepted before this `time`")
	states := make([]string, 0, len(needing()))
	for _, s := range needing() {
		states = append(states, string(s))
	}
	fixed(cmd, "state", states...)
	fixed(cmd, "lane", laneNames()...)
	fixed(cmd, "tier", "1", "2", "3", "4")
}

// fixed lets the shell complete a flag's values.
func fixed(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func laneNames() []string {
	var names []string
	for _, l := range jobs.Lanes() {
		names = append(names, l.String())
	}
	return names
}

// given reports whether any flag narrows the list.
func (f *filterFlags) given(flags *pflag.FlagSet) bool {
	return slices.ContainsFunc(
		[]string{"state", "lane", "class", "label", "tenant", "schema", "provider", "tier", "since", "until"}, flags.Changed)
}

// filter reads the flags. Errors are of usage.
func (f *filterFlags) filter(now time.Time) (out client.Filter, err error) {
	out = client.Filter{States: needing(), Tenant: f.tenant, Schema: f.schema, Provider: f.provider, Tier: f.tier, Lanes: f.lanes}
	if len(f.states) > 0 {
		out.States = nil
		for _, s := range f.states {
			if !slices.Contains(needing(), jobs.State(s)) {
				return out, usagef("--state takes failed, expired and in_review")
			}
			out.States = append(out.States, jobs.State(s))
		}
	}
	for _, l := range f.lanes {
		if err := checkLane(l); err != nil {
			return out, err
		}
	}
	if f.tier < 0 || f.tier > 4 {
		return out, usagef("--tier takes 1 to 4")
	}
	for _, c := range f.classes {
		out.Classes = append(out.Classes, jobs.Class(c))
	}
	if out.Labels, err = labels(f.labels); err != nil {
		return out, err
	}
	if out.AcceptedAfter, err = moment("since", f.since, now); err != nil {
		return out, err
	}
	out.AcceptedBefore, err = moment("until", f.until, now)
	return out, err
}

// checkLane refuses what is no lane; empty is none given.
func checkLane(lane string) error {
	if lane != "" && !slices.Contains(laneNames(), lane) {
		return usagef("--lane takes critical, interactive, standard and batch")
	}
	return nil
}

func labels(pairs []string) (map[string]string, error) {
	all := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := all[name]; !ok || twice || jobs.ID(name).Validate() != nil {
			return nil, usagef("--label takes name=value, each name once")
		}
		all[name] = value
	}
	return all, nil
}

// moment reads a span before now, or a time; empty is the zero time. Beside the
// units of Go, d is a day.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	unit := time.Duration(1)
	if days, ok := strings.CutSuffix(text, "d"); ok && strings.Trim(days, ".0123456789") == "" {
		text, unit = days+"h", 24
	}
	d, err := time.ParseDuration(text)
	if const100Years := 876_000 * time.Hour; err != nil || d < 0 || d > const100Years/unit {
		return time.Time{}, usagef("--%s takes a span such as 90m, 2h or 7d, or a time such as 2026-11-22T10:00:00Z", flag)
	}
	return now.Add(-d * unit), nil
}
