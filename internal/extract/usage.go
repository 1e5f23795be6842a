package extract

import (
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// How far above the estimate a provider's count is believed. The estimate errs
// on the high side for European text; tools and templates of the provider add
// some hundred tokens that nobody sees here.
const (
	believedTimes = 4
	believedMore  = 4096
)

// settle puts an estimate where a call has no usage that can be believed, so
// that money is counted also for answers that say nothing, for answers that
// broke off and for calls that may have run unseen.
func settle(s tiers.Signal, messages []wire.Message, limit int) tiers.Signal {
	estimate, ran := estimateUsage(s, messages, limit)
	if s.UsageKnown && !believed(s.Usage, estimate, limit) {
		s.UsageKnown = false
	}
	if !s.UsageKnown && ran {
		s.Usage = estimate
	}
	return s
}

// estimateUsage says what a call cost if it ran, and whether it may have. An
// error status is no charge; a request that went out whole and got no status
// or no whole answer may be one.
func estimateUsage(s tiers.Signal, messages []wire.Message, limit int) (u jobs.Usage, ran bool) {
	u.InputTokens = overhead
	for _, m := range messages {
		u.InputTokens += EstimateTokens(m.Content)
	}
	switch {
	case s.Content != "":
		u.OutputTokens, ran = EstimateTokens(s.Content), true
	case s.Status >= 300:
	case s.Err != nil && s.Phase >= tiers.PhaseWait:
		u.OutputTokens, ran = min(EstimateTokens(string(s.Body)), limit), true
	default:
		ran = s.UsageKnown // it said itself that it ran
	}
	return u, ran
}

// believed reports whether the counts of a provider are possible for the
// request that was made.
func believed(u, estimate jobs.Usage, limit int) bool {
	return u.InputTokens > 0 && u.InputTokens <= believedTimes*estimate.InputTokens+believedMore &&
		u.OutputTokens <= limit+believedTimes*estimate.OutputTokens+believedMore
}
