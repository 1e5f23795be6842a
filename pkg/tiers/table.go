package tiers

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// classTable is read only. Its columns are those of [Rule], in the same order.
var classTable = []Rule{
	{ClassNetPresend, ActBackoff, 3, "", ScopeProvider, EffectFailure, 1, jobs.BilledNo, 0},
	{ClassNetConfig, ActHalt, 0, "", ScopeProvider, EffectOpen, 0, jobs.BilledNo, 5 * time.Minute},
	{ClassNetStale, ActNow, 1, "", ScopeProvider, EffectNeutral, 0, jobs.BilledMaybe, 0},
	{ClassNetAmbiguous, ActBackoff, 1, shareUnsure, ScopeProvider, EffectFailure, 3, jobs.BilledMaybe, 0},
	{ClassNetCut, ActBackoff, 1, shareUnsure, ScopeRoute, EffectFailure, 3, jobs.BilledYes, 0},
	{ClassCancelled, ActStop, 0, "", ScopeNone, EffectNeutral, 0, jobs.BilledMaybe, 0},
	{ClassDeadline, ActRules, 0, "", ScopeNone, EffectNeutral, 0, jobs.BilledMaybe, 0},
	{ClassLost, ActNow, 1, shareUnsure, ScopeNone, EffectNeutral, 0, jobs.BilledMaybe, 0},
	{ClassTooLong, ActBigger, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassTooBig, ActRules, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassTooBigTPM, ActSwitch, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassBadRequest, ActSwitch, 0, "", ScopeRoute, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassPolicy, ActReview, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassRefusal, ActReview, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledYes, 0},
	{ClassAuth, ActHalt, 0, "", ScopeProvider, EffectOpen, 0, jobs.BilledNo, 30 * time.Minute},
	{ClassBilling, ActHalt, 0, "", ScopeProvider, EffectOpen, 0, jobs.BilledNo, 30 * time.Minute},
	{ClassQuota, ActHalt, 0, "", ScopeProvider, EffectOpen, 0, jobs.BilledNo, 30 * time.Minute},
	{ClassNoModel, ActHalt, 0, "", ScopeRoute, EffectOpen, 0, jobs.BilledNo, 10 * time.Minute},
	{ClassTimeoutSrv, ActBackoff, 1, shareUnsure, ScopeRoute, EffectFailure, 3, jobs.BilledMaybe, 0},
	{ClassConflict, ActBackoff, 1, "", ScopeRoute, EffectNeutral, 1, jobs.BilledNo, 0},
	{ClassDep, ActBackoff, 3, "", ScopeRoute, EffectFailure, 1, jobs.BilledMaybe, 0},
	{ClassRate, ActAfter, 3, "", ScopeRoute, EffectOpen, 1, jobs.BilledNo, time.Second},
	{ClassRamp, ActAfter, 3, "", ScopeRoute, EffectOpen, 1, jobs.BilledNo, 15 * time.Second},
	{ClassFlexFull, ActSwitch, 0, "", ScopeRoute, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassUpstreamCancel, ActBackoff, 1, shareUnsure, ScopeRoute, EffectFailure, 3, jobs.BilledMaybe, 0},
	{ClassSrv, ActBackoff, 3, "", ScopeRoute, EffectFailure, 1, jobs.BilledMaybe, 0},
	{ClassSrvPerm, ActSwitch, 0, "", ScopeRoute, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassGwAmbiguous, ActBackoff, 1, shareUnsure, ScopeRoute, EffectFailure, 3, jobs.BilledMaybe, 0},
	{ClassOverload, ActAfter, 3, "", ScopeRoute, EffectFailure, 1, jobs.BilledNo, 0},
	{ClassNotAPI, ActSwitch, 0, "", ScopeProvider, EffectFailure, 1, jobs.BilledMaybe, 0},
	{ClassEmpty, ActBackoff, 1, shareUnsure, ScopeRoute, EffectFailure, 3, jobs.BilledMaybe, 0},
	{ClassTruncated, ActRaise, 1, "", ScopeAnswer, EffectSuccess, 1, jobs.BilledYes, 0},
	{ClassOddStop, ActBackoff, 1, shareUnsure, ScopeAnswer, EffectNeutral, 1, jobs.BilledYes, 0},
	{ClassBadJSON, ActRepair, 1, shareAnswer, ScopeAnswer, EffectSuccess, 1, jobs.BilledYes, 0},
	{ClassBadSchema, ActRepair, 1, shareAnswer, ScopeAnswer, EffectSuccess, 1, jobs.BilledYes, 0},
	{ClassUngrounded, ActRepair, 1, shareAnswer, ScopeAnswer, EffectSuccess, 1, jobs.BilledYes, 0},
	{ClassNoUsage, ActAccept, 0, "", ScopeAnswer, EffectSuccess, 0, jobs.BilledYes, 0},
	{ClassSwapped, ActSwitch, 0, "", ScopeAnswer, EffectSuccess, 0, jobs.BilledYes, 0},
	{ClassEncrypted, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassCorrupt, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassTooLarge, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassTooManyPages, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassDocumentTimeout, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassUnsupportedType, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassEmptyDocument, ActFail, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassNeedsOCR, ActReview, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassIncomplete, ActReview, 0, "", ScopeDocument, EffectNeutral, 0, jobs.BilledNo, 0},
	{ClassMaxTier, ActFail, 0, "", ScopeNone, EffectNeutral, 0, jobs.BilledNo, 0},
}
