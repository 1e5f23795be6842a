package tiers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

func TestAProcessBorrowsWhatItsOpenRoutesCarry(t *testing.T) {
	t.Parallel()
	now := epoch()
	// rules 5 s + commit 2 s + shortest attempt 2 s + margin 60 s, and tier 2 60 s
	nearly := now.Add(69 * time.Second)
	due := nearly.Add(time.Minute)
	gated := func(class jobs.Class) tiers.Route {
		return tiers.Route{Gate: tiers.Gate{Until: now.Add(time.Minute), Reason: class}}
	}
	smaller := tiers.Route{Tier: 2}
	broken, busy := tiers.Route{BreakerUntil: now.Add(time.Second)}, tiers.Route{BusyUntil: now.Add(time.Second)}
	for name, c := range map[string]struct {
		routes []tiers.Carrying
		want   tiers.Pace
	}{
		"no model":             {nil, tiers.Pace{Most: tiers.Unlimited}},
		"both open":            {[]tiers.Carrying{{Calls: 4}, {smaller, 3}}, tiers.Pace{Most: 7, DueBy: due}},
		"primary paused":       {[]tiers.Carrying{{gated(tiers.ClassRate), 4}, {smaller, 3}}, tiers.Pace{Most: 3, DueBy: due}},
		"only a primary":       {[]tiers.Carrying{{Calls: 4}}, tiers.Pace{Most: 4, DueBy: nearly}},
		"all shut":             {[]tiers.Carrying{{gated(tiers.ClassOverload), 4}, {broken, 3}, {busy, 9}}, tiers.Pace{DueBy: nearly}},
		"all to be mended":     {[]tiers.Carrying{{gated(tiers.ClassAuth), 4}, {gated(tiers.ClassQuota), 3}}, tiers.Pace{Most: tiers.Unlimited}},
		"one to be mended":     {[]tiers.Carrying{{gated(tiers.ClassAuth), 4}, {gated(tiers.ClassRate), 3}}, tiers.Pace{DueBy: nearly}},
		"an operator shut all": {[]tiers.Carrying{{gated(tiers.ReasonForced), 4}}, tiers.Pace{DueBy: nearly}},
	} {
		if diff := cmp.Diff(c.want, tiers.Policy{}.PaceOf(c.routes, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
