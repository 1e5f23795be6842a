package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Keys of tenants in tests. The operators are two people.
const (
	acmeKey  = "sl_acme1_0123456789abcdef"
	otherKey = "sl_other1_0123456789abcdef"
	annaKey  = "sl_anna_0123456789abcdef"
	benKey   = "sl_ben_0123456789abcdef"
)

// tenantsFile writes a configuration with the tenants of the keys above, acme
// and other with limits as YAML members.
func tenantsFile(t *testing.T, acme, other string) string {
	t.Helper()
	sum := func(key string) string {
		s := sha256.Sum256([]byte(key))
		return hex.EncodeToString(s[:])
	}
	text := fmt.Sprintf("tenants:\n  - {name: acme, key_sha256: %s%s}\n  - {name: other, key_sha256: %s%s}\n  - {name: ops, key_sha256: '%s,%s', operator: true}\n",
		sum(acmeKey), acme, sum(otherKey), other, sum(annaKey), sum(benKey))
	name := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// said is an answer.
type said struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// call sends JSON with a key, which may be empty.
func (p *instance) call(key, method, path, body string) said {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return said{p.t, answer.StatusCode, answer.Header, text}
}

// text is a member by its path, as text; empty when it is not there.
func (s said) text(path string) string {
	s.t.Helper()
	var v any
	if err := json.Unmarshal(s.body, &v); err != nil {
		s.t.Fatalf("status %d, no JSON: %s", s.status, s.body)
	}
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		if v = m[name]; v == nil {
			return ""
		}
	}
	return fmt.Sprint(v)
}

// want wants a status and members, by path and text.
func (s said) want(status int, members ...string) said {
	s.t.Helper()
	if s.status != status {
		s.t.Fatalf("status %d, want %d: %s", s.status, status, s.body)
	}
	for i := 0; i < len(members); i += 2 {
		if got := s.text(members[i]); got != members[i+1] {
			s.t.Errorf("%s is %q, want %q: %s", members[i], got, members[i+1], s.body)
		}
	}
	return s
}

// textJob is the body of a submission.
func textJob(text, more string) string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return fmt.Sprintf(`{"document":{"text":%s},"schema":"invoice"%s}`, quoted, more)
}

// anInvoice is a document that the rules read, too.
func anInvoice(n int) string {
	return fmt.Sprintf("Invoice No: A-%d\nInvoice date: 2026-11-22\nTotal: EUR 12.00\n", n)
}

// submitText makes a job and answers its ID.
func (p *instance) submitText(key, text, more string) string {
	p.t.Helper()
	return p.call(key, http.MethodPost, "/v1/jobs", textJob(text, more)).want(http.StatusAccepted).text("id")
}

// settled waits for a job's end, or for its review.
func (p *instance) settled(key, id string) said {
	p.t.Helper()
	var s said
	p.eventually("the end of a job", func() bool {
		s = p.call(key, http.MethodGet, "/v1/jobs/"+id+"?wait=10", "")
		return s.status != http.StatusOK || ended(view{State: s.text("state")})
	})
	return s
}
