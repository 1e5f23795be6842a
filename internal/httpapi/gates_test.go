package httpapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// words keeps operators' words in memory.
type words map[string]tiers.Override

func (w words) Force(_ context.Context, o tiers.Override) error { w[o.Name] = o; return nil }

func (w words) Release(_ context.Context, gate string) error { delete(w, gate); return nil }

func (w words) Forced(context.Context) ([]tiers.Override, error) {
	var all []tiers.Override
	for _, o := range w {
		all = append(all, o)
	}
	return all, nil
}

var _ httpapi.Gates = words{}

func TestGatesAreHeldByOperators(t *testing.T) {
	t.Parallel()
	held := words{}
	a := newAPI(t, func(c *setup) { c.deps.Gates = held })
	const path = "/v1/admin/gates"
	a.asOperator("POST", path, `{"gate":"near/large","closed":true,"for":"30m","reason":"key rotation"}`).
		want(t, http.StatusOK, "gate", "near/large", "object", "gate", "closed", "true", "reason", "key rotation", "by", "ops/ops1")
	if left := time.Until(held["near/large"].Until); left < 29*time.Minute || left > 30*time.Minute {
		t.Errorf("it ends in %s", left)
	}
	a.asOperator("GET", path, "").want(t, http.StatusOK)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	a.asOperator("POST", path, `{"gate":"near","closed":false,"until":"`+until+`","reason":"it works"}`).want(t, http.StatusOK, "until", until, "closed", "false")
	a.asOperator("POST", path+"/release", `{"gate":"near/large"}`).want(t, http.StatusNoContent)
	if _, there := held["near/large"]; there || len(held) != 1 {
		t.Errorf("held: %v", held)
	}
	for _, body := range []string{
		`{"gate":"near","closed":true,"reason":"no end"}`, `{"gate":"near","closed":true,"for":"1h"}`, `{"gate":"near","for":"1h","reason":"open or closed?"}`,
		`{"closed":true,"for":"1h","reason":"which?"}`, `{"gate":"near","closed":true,"for":"200h","reason":"too long"}`,
		`{"gate":"near","closed":1,"for":"1h","reason":"x"}`, `{"gate":"near","closed":true,"for":"1h","reason":"x","more":1}`,
	} {
		if r := a.asOperator("POST", path, body); r.status/100 != 4 {
			t.Errorf("%s: status %d", body, r.status)
		}
	}
	if r := a.asOperator("POST", path+"/release", `{}`); r.status/100 != 4 {
		t.Errorf("a release of nothing: status %d", r.status)
	}
	if r := a.do(request{method: "GET", path: path, key: acmeKey}); r.status != http.StatusForbidden {
		t.Errorf("a tenant sees the gates: %d", r.status)
	}
}
