package main

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// slowModel is a provider whose model takes a while for each answer.
func slowModel(t *testing.T, latency time.Duration) (*modelsim.Server, string) {
	t.Helper()
	provider := modelsim.New(modelsim.Config{Models: []modelsim.Model{{Name: "large", Latency: latency}}})
	endpoint, err := provider.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = endpoint.Close() })
	return provider, endpoint.URL()
}

// atOnce is how many of the jobs ran at the same time, at most. An end and a
// start at the same moment do not overlap.
func (p *instance) atOnce(key string, ids []string) int {
	p.t.Helper()
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, id := range ids {
		s := p.settled(key, id).want(http.StatusOK, "state", "succeeded")
		for member, by := range map[string]int{"started_at": 1, "ended_at": -1} {
			at, err := time.Parse(time.RFC3339Nano, s.text(member))
			if err != nil {
				p.t.Fatal(err)
			}
			changes = append(changes, change{at, by})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		if a.at.Equal(b.at) {
			return a.by - b.by
		}
		return a.at.Compare(b.at)
	})
	most, now := 0, 0
	for _, c := range changes {
		now += c.by
		most = max(most, now)
	}
	return most
}

// submitAcmes makes jobs of tenant acme that may all start at the same moment.
func (p *instance) submitAcmes(n int) []string {
	p.t.Helper()
	const acme = "/v1/admin/tenants/acme"
	p.call(annaKey, http.MethodPost, acme+"/pause", "").want(http.StatusOK)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = p.submitText(acmeKey, anInvoice(i), "")
	}
	p.call(annaKey, http.MethodPost, acme+"/resume", "").want(http.StatusOK)
	return ids
}

func TestIdleSlotsAreLentAboveATenantsShareAndNeverAboveItsCap(t *testing.T) {
	t.Parallel()
	// Long enough that all slots fill before the first is free again.
	_, url := slowModel(t, 500*time.Millisecond)
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, ", weight: 1, max_running: 3", ", weight: 3"), "SLUICE_SLOTS=6",
		"SLUICE_PRIMARY_URL="+url, "SLUICE_PRIMARY_MODEL=large")
	const acme = "/v1/admin/tenants/acme"
	// One slot is kept for lane critical, so without its cap it would get five;
	// its share beside the other tenant would be one or two.
	if got := p.atOnce(acmeKey, p.submitAcmes(8)); got != 3 {
		t.Errorf("%d jobs at once, want 3: above the share and up to the cap", got)
	}
	p.call(annaKey, http.MethodPatch, acme, `{"max_running":1}`).want(http.StatusOK, "edited", "true")
	if got := p.atOnce(acmeKey, p.submitAcmes(4)); got != 1 {
		t.Errorf("%d jobs at once under a cap of 1", got)
	}
	p.call(annaKey, http.MethodPatch, acme, `{"max_running":0}`).want(http.StatusOK)
	if got := p.atOnce(acmeKey, p.submitAcmes(8)); got != 5 {
		t.Errorf("%d jobs at once without a cap, want all slots but the one for lane critical", got)
	}
}

// soon wants an answer within a second, which is how soon a changed limit must
// act.
func (p *instance) soon(what string, ask func() said, status int, members ...string) said {
	p.t.Helper()
	return p.within(time.Second, what, ask, status, members...)
}

// within wants an answer to whatever is asked after a while. How long the
// answers take is not counted.
func (p *instance) within(d time.Duration, what string, ask func() said, status int, members ...string) said {
	p.t.Helper()
	began := time.Now()
	var s said
	var stale time.Duration // when it was last seen not to act
	p.eventually(what, func() bool {
		asked := time.Since(began)
		if s = ask(); s.status != status {
			stale = asked
		}
		return s.status == status
	})
	if stale > d {
		p.t.Errorf("%s: not so after %s", what, stale)
	}
	return s.want(status, members...)
}

func TestLimitsChangeWhileTheServerRunsAndOutlastARestart(t *testing.T) {
	t.Parallel()
	_, url := slowModel(t, 0)
	environ := []string{"SLUICE_CONFIG=" + tenantsFile(t, ", lanes: [interactive, standard]", ""), "SLUICE_PRIMARY_URL=" + url, "SLUICE_PRIMARY_MODEL=large",
		"SLUICE_PRIMARY__INPUT_USD=1000", "SLUICE_PRIMARY__OUTPUT_USD=1000"}
	p := newInstance(t).start(nil, environ...)
	const acme = "/v1/admin/tenants/acme"
	edit := func(body string) { t.Helper(); p.call(annaKey, http.MethodPatch, acme, body).want(http.StatusOK) }
	post := func(more string) func() said {
		return func() said { return p.call(acmeKey, http.MethodPost, "/v1/jobs", textJob(anInvoice(1), more)) }
	}
	p.call(acmeKey, http.MethodPatch, acme, `{"weight":1000}`).want(http.StatusForbidden, "code", "operator_only")

	post(`,"lane":"batch"`)().want(http.StatusForbidden, "code", "lane_not_allowed")
	edit(`{"lanes":["batch","standard"]}`)
	p.soon("a lane", post(`,"lane":"batch"`), http.StatusAccepted)
	post(`,"lane":"interactive"`)().want(http.StatusForbidden, "code", "lane_not_allowed")

	edit(`{"requests_per_second":0.01,"requests_burst":1}`)
	if after, err := strconv.Atoi(p.soon("a rate", post(""), http.StatusTooManyRequests, "code", "rate_limited").header.Get("Retry-After")); err != nil || after < 50 || after > 100 {
		t.Errorf("Retry-After is %d s (%v), want the time to the next request at one in 100 s", after, err)
	}
	edit(`{"requests_per_second":0,"bytes_per_second":1,"bytes_burst":100}`)
	p.soon("bytes", post(""), http.StatusTooManyRequests, "code", "rate_limited")
	edit(`{"bytes_per_second":0}`)
	p.settled(acmeKey, p.soon("no rate", post(""), http.StatusAccepted).text("id")).want(http.StatusOK, "state", "succeeded", "quality.tier", "1")

	edit(`{"cost_usd_per_day":0.000001}`)
	// What was spent is known up to a second late.
	var r said
	p.eventually("the end of the money", func() bool { r = post("")(); return r.status == http.StatusTooManyRequests })
	r.want(http.StatusTooManyRequests, "code", "budget_exhausted")
	if r.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", r.header)
	}
	p.call(otherKey, http.MethodPost, "/v1/jobs", textJob(anInvoice(1), "")).want(http.StatusAccepted)

	p.stop()
	p.start(nil, environ...)
	p.call(annaKey, http.MethodGet, acme, "").want(http.StatusOK, "edited", "true", "lanes", "[batch standard]", "cost_usd_per_day", "1e-06", "updated_by", "ops/anna")
	post("")().want(http.StatusTooManyRequests, "code", "budget_exhausted")
	p.call(annaKey, http.MethodPost, acme+"/reset", "").want(http.StatusOK, "edited", "false", "lanes", "[interactive standard]", "cost_usd_per_day", "0")
	p.soon("the configuration again", post(""), http.StatusAccepted)
}

func TestJobsOfATenantWithoutMoneyMakeNoPaidCall(t *testing.T) {
	t.Parallel()
	provider, url := slowModel(t, 0)
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""), "SLUICE_PRIMARY_URL="+url, "SLUICE_PRIMARY_MODEL=large",
		"SLUICE_PRIMARY__INPUT_USD=1000", "SLUICE_PRIMARY__OUTPUT_USD=1000")
	const acme = "/v1/admin/tenants/acme"
	p.settled(acmeKey, p.submitText(acmeKey, anInvoice(1), "")).want(http.StatusOK, "quality.tier", "1")
	paid := len(provider.Calls())
	if spent := p.call(annaKey, http.MethodGet, acme, "").want(http.StatusOK).text("spent_usd_today"); paid == 0 || spent == "0" || spent == "" {
		t.Fatalf("%d calls cost %q", paid, spent)
	}
	// Accepted while there is money, started when there is none.
	p.call(annaKey, http.MethodPost, acme+"/pause", `{}`).want(http.StatusOK)
	late := p.submitText(acmeKey, anInvoice(2), "")
	p.call(annaKey, http.MethodPatch, acme, `{"cost_usd_per_day":0.000001}`).want(http.StatusOK)
	p.call(annaKey, http.MethodPost, acme+"/resume", "").want(http.StatusOK)
	p.settled(acmeKey, late).want(http.StatusOK, "state", "succeeded", "quality.tier", "3", "quality.degraded", "true", "quality.reasons", "[tenant_budget no_model_configured]")
	if got := len(provider.Calls()); got != paid {
		t.Errorf("%d paid calls without money", got-paid)
	}
}

func TestAPausedTenantLearnsWhyAndUntilWhen(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""))
	const acme = "/v1/admin/tenants/acme"
	p.call(annaKey, http.MethodPost, acme+"/pause", `{"reason":"INC-42"}`).want(http.StatusOK, "pause.by", "ops/anna")
	r := p.call(acmeKey, http.MethodPost, "/v1/jobs", textJob(anInvoice(1), "")).
		want(http.StatusAccepted, "admission.mode", "queued", "admission.reason", "tenant_paused", "progress.reason", "tenant_paused")
	waiting := r.text("id")
	p.settled(otherKey, p.submitText(otherKey, anInvoice(2), "")).want(http.StatusOK, "state", "succeeded")
	p.call(acmeKey, http.MethodGet, "/v1/jobs/"+waiting, "").want(http.StatusOK, "state", "queued")

	until := time.Now().Add(1500 * time.Millisecond).UTC()
	p.call(annaKey, http.MethodPost, acme+"/pause", `{"reason":"INC-43","refuse_intake":true,"until":"`+until.Format(time.RFC3339Nano)+`"}`).want(http.StatusOK)
	r = p.call(acmeKey, http.MethodPost, "/v1/jobs", textJob(anInvoice(3), "")).
		want(http.StatusTooManyRequests, "code", "tenant_paused", "pause.reason", "INC-43", "retryable", "true")
	if end, err := time.Parse(time.RFC3339Nano, r.text("pause.until")); err != nil || end.Sub(until).Abs() > time.Millisecond || r.header.Get("Retry-After") == "" {
		t.Errorf("the pause ends at %q, want %s: %v", r.text("pause.until"), until, r.header)
	}
	// The pause ends by itself.
	s := p.settled(acmeKey, waiting).want(http.StatusOK, "state", "succeeded")
	if started, err := time.Parse(time.RFC3339Nano, s.text("started_at")); err != nil || started.Before(until.Add(-time.Millisecond)) || started.After(until.Add(time.Second)) {
		t.Errorf("started at %s, the pause ended at %s", s.text("started_at"), until)
	}
}

func TestTenantsAreMadeWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	const late = "/v1/admin/tenants/late"
	p.call("", http.MethodGet, late, "").want(http.StatusNotFound, "code", "tenant_not_found")
	p.call("", http.MethodPost, "/v1/admin/tenants", `{"name":"late","weight":7}`).want(http.StatusCreated, "version", "1")
	p.call("", http.MethodPatch, late, `{"weight":8,"version":1}`).want(http.StatusOK, "weight", "8")
	p.call("", http.MethodPatch, late, `{"weight":9,"version":1}`).want(http.StatusConflict, "code", "tenant_conflict")
	p.call("", http.MethodDelete, late, "").want(http.StatusNoContent)
	// The one that everybody is without keys has limits, too.
	p.call("", http.MethodPatch, "/v1/admin/tenants/default", `{"max_queued":1,"max_running":1}`).want(http.StatusOK, "edited", "true")
	p.call("", http.MethodPost, "/v1/admin/tenants/default/reset", "").want(http.StatusOK, "max_queued", "10000")
}
