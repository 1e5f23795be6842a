package tiers

// The reasons that the ladder writes into skipped attempts and that a result's
// quality repeats. Beside them stand the error classes.
const (
	// WhyNoModel: no route is configured for the tier.
	WhyNoModel = "no_model_configured"
	// WhyGated: the gates of all routes of the tier are closed.
	WhyGated = "gated"
	// WhyBreakerOpen: the breakers of all routes of the tier are open.
	WhyBreakerOpen = "breaker_open"
	// WhyDeadline: too little time is left for the tier.
	WhyDeadline = "deadline"
	// WhyWaitTooLong: the server asked for more time than the job has.
	WhyWaitTooLong = "wait_too_long"
	// WhyRetryBudget: the retry budget of the route is used up.
	WhyRetryBudget = "retry_budget_exhausted"
	// WhyCost: the job has spent the money it may spend.
	WhyCost = "max_cost"
	// WhyMaxTier: the job may not go so far down.
	WhyMaxTier = "max_tier"
	// WhyFullRequired: the job refuses degraded answers.
	WhyFullRequired = "degraded_not_accepted"
	// WhyHighRisk: a high-risk job does not complete on the tier.
	WhyHighRisk = "high_risk"
	// WhyWindow: the document does not fit the window of any route.
	WhyWindow = "too_long"
	// WhyResidency: no route of the tier works where the job's data must stay.
	WhyResidency = "residency"
	// WhyBusy: our own limits on the route leave no room.
	WhyBusy = "busy"
	// WhyUnproven: the routes of the tier were down, nobody has seen them work
	// since, and the job has one call left.
	WhyUnproven = "unproven"
	// WhyTenantCost: the tenant has spent the money it may spend today, or
	// nobody can say.
	WhyTenantCost = "tenant_budget"
	// WhyStale: the answer comes from the cache and is past its time.
	WhyStale = "stale_cache"

	// WhyProbe: the call was the fleet's probe of a route that was down. That
	// it failed burns none of the job's tries of a class and no retry budget;
	// it still counts as one of the tier's calls.
	WhyProbe = "probe"
	// WhyNoRetry: the server forbade a retry.
	WhyNoRetry = "server_says_no_retry"
	// WhyRetryAllowed: the server allowed a retry that the table has not.
	WhyRetryAllowed = "server_says_retry"
)

// The reasons for which a job goes to a person.
const (
	ReviewAllFailed = "all_tiers_failed"
	ReviewHighRisk  = WhyHighRisk
	ReviewDegraded  = WhyFullRequired
	ReviewRefusal   = "refusal"
	ReviewPolicy    = "policy"
	ReviewNeedsOCR  = "needs_ocr"
	ReviewDeadline  = WhyDeadline
	ReviewCost      = WhyCost
)
