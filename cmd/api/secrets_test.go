package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// canaries are texts that must show nowhere but where their owner asks for
// them.
const (
	canaryDocument = "CANARY-DOCUMENT-5e1f"
	canaryLabel    = "CANARY-LABEL-91bb"
	canaryReason   = "CANARY-REASON-c07d"
	canaryIdemKey  = "CANARY-IDEMPOTENCY-22aa"
	canaryModelKey = "CANARY-MODEL-KEY-8d3c"
	canaryUpstream = "CANARY-UPSTREAM-77e0"
	canaryAPIKey   = "sl_canary_CANARY-API-KEY-b1d4"
)

// TestNothingSecretLeavesTheProcess runs documents through every tier with logs
// at their most talkative, and then looks for what must not be there.
func TestNothingSecretLeavesTheProcess(t *testing.T) {
	provider := modelsim.New(modelsim.Config{
		APIKeys: []string{canaryModelKey},
		Models:  []modelsim.Model{{Name: "large"}, {Name: "small"}},
		Rules: []modelsim.Rule{
			modelsim.Always(modelsim.Match{Model: "large", Contains: "ALPHA"}, modelsim.OpenAIError(http.StatusBadRequest, "invalid_request_error", "bad_thing", canaryUpstream)),
			modelsim.Always(modelsim.Match{Contains: "BETA"}, modelsim.BadJSON()),
		},
	})
	endpoint, err := provider.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = endpoint.Close() }()
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(canaryModelKey), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(canaryAPIKey))
	configFile := filepath.Join(t.TempDir(), "sluice.yaml")
	tenants := "tenants: [{name: acme, key_sha256: " + hex.EncodeToString(sum[:]) + "}]\n"
	if err := os.WriteFile(configFile, []byte(tenants), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "SLUICE_CONFIG="+configFile, "SLUICE_MODEL_API_KEY_FILE="+keyFile,
		"SLUICE_PRIMARY_URL="+endpoint.URL(), "SLUICE_PRIMARY_MODEL=large",
		"SLUICE_FALLBACK_URL="+endpoint.URL(), "SLUICE_FALLBACK_MODEL=small")
	key := http.Header{"Authorization": {"Bearer " + canaryAPIKey}}

	var answers strings.Builder // what strangers are told
	for i, word := range []string{"PLAIN", "ALPHA", "BETA"} {
		text := fmt.Sprintf("%s %s\nInvoice No: K-%d\nInvoice date: 2026-11-22\nTotal: EUR 12.00\n", word, canaryDocument, i)
		h := key.Clone()
		h.Set("Idempotency-Key", canaryIdemKey+word)
		job := p.submitBytes([]byte(text), `{"schema":"invoice","lane":"interactive","labels":{"note":"`+canaryLabel+`"}}`, h)
		if job.State != "succeeded" {
			t.Fatalf("%s ended %+v", word, job)
		}
	}
	if refused := p.submitBytes([]byte(canaryDocument+"\x00\x01\x02 binary"), `{"schema":"invoice"}`, key); refused.ID != "" {
		t.Errorf("a binary document became job %s", refused.ID)
	}
	broken := p.submitBytes([]byte("no invoice: "+canaryDocument), `{"schema":"invoice"}`, key)
	p.do(http.MethodPost, "/v1/jobs/"+broken.ID+"/cancel", merged(key, "application/json"), strings.NewReader(`{"reason":"`+canaryReason+`"}`), nil)
	for _, bad := range []string{`{"schema":"` + canaryDocument + `"}`, `{"` + canaryDocument + `":1}`, `{"lane":"` + canaryDocument + `"`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.addr+"/v1/jobs", strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = merged(key, "application/json")
		answers.WriteString(fetch(t, req))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	metrics := fetch(t, req)
	if !strings.Contains(metrics, `sluice_results_total{degraded="false",tier="1"}`) {
		t.Error("the metrics do not count the results")
	}
	p.stop()
	for place, text := range map[string]string{"log": p.log.String(), "metrics": metrics, "problems": answers.String()} {
		if text == "" {
			t.Errorf("nothing was caught in %s", place)
		}
		for _, canary := range []string{"CANARY", canaryDocument[7:], "K-0", "12.00"} {
			if at := strings.Index(text, canary); at >= 0 {
				t.Errorf("%s holds %s: …%s…", place, canary, text[max(0, at-80):min(len(text), at+60)])
			}
		}
	}
}

func merged(h http.Header, contentType string) http.Header {
	h = h.Clone()
	h.Set("Content-Type", contentType)
	return h
}

func fetch(t *testing.T, req *http.Request) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
