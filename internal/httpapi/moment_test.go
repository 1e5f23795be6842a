package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"
)

// A time that cannot be kept is the caller's fault, and one that reads as no
// time at all must not make a filter wider than it was meant.
func TestTimesAreReadIntoUTCOrRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.failed()
	for _, at := range []string{
		"9999-12-31T23:59:59-23:59", "0000-06-01T00:00:00Z",
		"0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00", "2026-11-22", "",
	} {
		for _, bound := range []string{"accepted_before", "updated_after"} {
			r := a.post("/v1/operations", `{"action":"requeue","filter":{"`+bound+`":"`+at+`"},"dry_run":true}`)
			if r.status != http.StatusUnprocessableEntity || r.text(t, "code") != "invalid_request" {
				t.Errorf("an operation with %s %q: %d %s", bound, at, r.status, r.body)
			}
			if r = a.get("/v1/jobs?" + bound + "=" + url.QueryEscape(at)); r.status != http.StatusUnprocessableEntity || r.text(t, "code") != "invalid_parameter" {
				t.Errorf("a list with %s %q: %d %s", bound, at, r.status, r.body)
			}
		}
	}
	for at, want := range map[string]string{
		"9999-12-31T00:00:00+14:00": "9999-12-30T10:00:00Z",
		"2026-11-22T10:00:00+24:00": "2026-11-21T10:00:00Z", // which the JSON encoder refuses as it is
	} {
		a.post("/v1/operations", `{"action":"requeue","filter":{"accepted_before":"`+at+`"},"dry_run":true}`).
			want(t, http.StatusCreated, "filter.accepted_before", want)
	}
}
