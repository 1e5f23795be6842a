package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// request is a curl command of a page.
type request struct{ method, path, body string }

// requests reads the curl commands of a page in their order, with its
// variables set.
func requests(t *testing.T, page string, variables ...string) []request {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	// A form is sent by other tests.
	commands := strings.Count(string(text), "curl ") - strings.Count(string(text), " -F 'options")
	command := regexp.MustCompile(`curl -sS -H "\$AUTH"(?: -H '[^']*')?(?: -X (\w+))?(?:\s+--json '([^']*)')? "?\$SLUICE(/[^"\s]*)"?`)
	var all []request
	for _, m := range command.FindAllStringSubmatch(string(text), -1) {
		r := request{m[1], strings.NewReplacer(variables...).Replace(m[3]), m[2]}
		switch {
		case r.method != "":
		case r.body != "":
			r.method = http.MethodPost
		default:
			r.method = http.MethodGet
		}
		all = append(all, r)
	}
	if len(all) != commands {
		t.Fatalf("%s has %d commands, %d are understood", page, commands, len(all))
	}
	return all
}

func TestTheCommandsOfThePageOnTenantsWork(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""), "SLUICE_SLOTS=0")
	for _, r := range requests(t, "tenants.md") {
		if s := p.call(annaKey, r.method, r.path, r.body); s.status >= 300 {
			t.Errorf("%+v: status %d: %s", r, s.status, s.body)
		}
	}
}

func TestTheCommandsOfThePageOnOperationsWork(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""), "SLUICE_SLOTS=0")
	p.submitFast(acmeKey, 3, "")
	// One that lasts, to be driven.
	slow := p.call(annaKey, http.MethodPost, "/v1/operations", `{"action":"cancel","filter":{"state":["queued"]},"rate":0.01,"dry_run":true}`).
		want(http.StatusCreated, "selection.selected", "3").text("id")
	for _, r := range requests(t, "operations.md", "$OP", slow) {
		if s := p.call(annaKey, r.method, r.path, r.body); s.status >= 300 {
			t.Errorf("%+v: status %d: %s", r, s.status, s.body)
		}
	}
	p.call(annaKey, http.MethodGet, "/v1/operations/"+slow, "").want(http.StatusOK, "state", "cancelled")
}

func TestTheCommandsOfThePageOnReviewsWork(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "SLUICE_CONFIG="+tenantsFile(t, "", ""))
	id := p.submitText(acmeKey, nothing, "")
	p.settled(acmeKey, id).want(http.StatusOK, "state", "in_review")
	known := regexp.MustCompile(`/(claim|draft|unclaim|send-back)$`)
	worked := 0
	for _, r := range requests(t, "api.md", "$ID", id) {
		if !known.MatchString(r.path) {
			continue // they need jobs in other states
		}
		worked++
		if s := p.call(annaKey, r.method, r.path, r.body); s.status >= 300 {
			t.Errorf("%+v: status %d: %s", r, s.status, s.body)
		}
	}
	if worked != 4 {
		t.Errorf("%d commands, want 4", worked)
	}
}
