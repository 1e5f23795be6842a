package tiers

import "github.com/sluicehq/sluice/pkg/jobs"

// Describe says in a few words for people what a class did to a job, such as
// "the job has a document that cannot be read".
func Describe(c jobs.Class) string { return "the job " + classPhrase(c) }
