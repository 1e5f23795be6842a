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

// filterFlags are the flags that select jobs, in the words of the API but for
// --wait-reason, since --reason is what a command leaves in a job's history.
type filterFlags struct {
	// allowed are the states that the command is about, and usual those that
	// it takes when none are named.
	allowed, usual []jobs.State

	states, lanes, classes, labels, waits []string
	tenant, schema, provider, batch       string
	tier                                  int
	since, until                          string
	changedSince, changedUntil            string
}

// register adds the flags but those that make no sense for the command.
func (f *filterFlags) register(a *app, cmd *cobra.Command, without ...string) {
	all := pflag.NewFlagSet("filter", pflag.ContinueOnError)
	all.StringSliceVar(&f.states, "state", nil, "keep these states: "+enumerate(f.allowed)+f.usually())
	all.StringSliceVar(&f.lanes, "lane", nil, "keep these lanes: critical, interactive, standard or batch")
	all.StringSliceVar(&f.classes, "class", nil, "keep these error classes of the failure, such as corrupt")
	all.StringSliceVar(&f.waits, "wait-reason", nil, "keep jobs that are parked, in review or queued again for this `reason`")
	all.StringArrayVar(&f.labels, "label", nil, "keep a label as `k=v`; repeat for more")
	all.StringVar(&f.tenant, "tenant", "", "keep one tenant's jobs")
	all.StringVar(&f.schema, "schema", "", "keep a schema as the job has it, such as invoice@1")
	all.StringVar(&f.provider, "provider", "", "keep a provider of the failure")
	all.StringVar(&f.batch, "batch", "", "keep the jobs of a batch, by its `ID`")
	all.IntVar(&f.tier, "tier", 0, "keep the tier that ended the job, 1 to 4")
	all.StringVar(&f.since, "since", "", "accepted at this `time` or later: 2h ago, or 2026-11-22T10:00:00Z")
	all.StringVar(&f.until, "until", "", "accepted before this `time`")
	all.StringVar(&f.changedSince, "changed-since", "", "failed, expired or otherwise changed last at this `time` or later")
	all.StringVar(&f.changedUntil, "changed-until", "", "changed last before this `time`")
	all.VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(without, flag.Name) {
			cmd.Flags().AddFlag(flag)
		}
	})
	fixed(cmd, "state", words(f.allowed)...)
	fixed(cmd, "lane", laneNames()...)
	fixed(cmd, "tier", "1", "2", "3", "4")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants)
	_ = cmd.RegisterFlagCompletionFunc("class", a.completeClasses)
	_ = cmd.RegisterFlagCompletionFunc("provider", a.completeProviders)
}

func (f *filterFlags) usually() string {
	switch len(f.usual) {
	case 0:
		return " (needed)"
	case len(f.allowed):
		return " (default all)"
	default:
		return " (default " + enumerate(f.usual) + ")"
	}
}

// words are states as plain texts.
func words(states []jobs.State) []string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	return names
}

// enumerate names states in a sentence.
func enumerate(states []jobs.State) string {
	names := words(states)
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
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

// given reports whether any filter is set.
func (f *filterFlags) given(flags *pflag.FlagSet) bool {
	return slices.ContainsFunc([]string{
		"state", "lane", "class", "wait-reason", "label", "tenant", "schema", "provider", "batch", "tier",
		"since", "until", "changed-since", "changed-until",
	}, func(name string) bool { return name != f.taken(flags) && flags.Changed(name) })
}

// taken is the filter's name that another flag of the command has: reject takes
// a class of its own.
func (f *filterFlags) taken(flags *pflag.FlagSet) string {
	if flag := flags.Lookup("class"); flag != nil && flag.Value.Type() == "string" {
		return "class"
	}
	return ""
}

// filter reads the flags. Errors are of usage.
func (f *filterFlags) filter(now time.Time) (out client.Filter, err error) {
	out = client.Filter{
		States: f.usual, Tenant: f.tenant, Schema: f.schema, Provider: f.provider, Tier: f.tier, Lanes: f.lanes,
		Batch: jobs.ID(f.batch), Reasons: f.waits,
	}
	if len(f.states) > 0 {
		out.States = nil
		for _, s := range f.states {
			if !slices.Contains(f.allowed, jobs.State(s)) {
				return out, usagef("--state takes %s", enumerate(f.allowed))
			}
			out.States = append(out.States, jobs.State(s))
		}
	}
	for _, l := range f.lanes {
		if err := checkLane("lane", l); err != nil {
			return out, err
		}
	}
	if f.tier < 0 || f.tier > 4 {
		return out, usagef("--tier takes 1 to 4")
	}
	if f.batch != "" && out.Batch.Validate() != nil {
		return out, usagef("--batch takes the ID of a batch")
	}
	for _, c := range f.classes {
		out.Classes = append(out.Classes, jobs.Class(c))
	}
	if out.Labels, err = labels(f.labels); err != nil {
		return out, err
	}
	return out, f.moments(&out, now)
}

// moments reads the flags about time.
func (f *filterFlags) moments(out *client.Filter, now time.Time) error {
	for _, m := range []struct {
		flag, text string
		into       *time.Time
	}{
		{"since", f.since, &out.AcceptedAfter}, {"until", f.until, &out.AcceptedBefore},
		{"changed-since", f.changedSince, &out.UpdatedAfter}, {"changed-until", f.changedUntil, &out.UpdatedBefore},
	} {
		var err error
		if *m.into, err = moment(m.flag, m.text, now); err != nil {
			return err
		}
	}
	return nil
}

// checkLane refuses what is no lane; empty is none given.
func checkLane(flag, lane string) error {
	if lane != "" && !slices.Contains(laneNames(), lane) {
		return usagef("--%s takes critical, interactive, standard and batch", flag)
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
	d, ok := spanOf(text)
	if !ok {
		return time.Time{}, usagef("--%s takes a span such as 90m, 2h or 7d, or a time such as 2026-11-22T10:00:00Z", flag)
	}
	return now.Add(-d), nil
}

// spanOf reads a span of 0 to a hundred years. Beside the units of Go, d is a
// day.
func spanOf(text string) (time.Duration, bool) {
	times := int64(1)
	if days, ok := strings.CutSuffix(text, "d"); ok && strings.Trim(days, ".0123456789") == "" {
		text, times = days+"h", 24
	}
	d, err := time.ParseDuration(text)
	if const100Years := 876_000 * time.Hour; err != nil || d < 0 || d > const100Years/time.Duration(times) {
		return 0, false
	}
	return d * time.Duration(times), true
}
