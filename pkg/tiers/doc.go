// Package tiers decides how a job gets its answer: from the primary model, a
// smaller model, the rule-based parser or a person, in this order.
//
// It holds decisions and no I/O. [Classify] turns what a model client saw into
// a [Verdict]; [Next] turns a job, its attempt ledger and the state of the
// routes into the next step. Both are pure: the time and the jitter are
// arguments, so that every path is a scenario and every crash resumes from
// the ledger.
package tiers
