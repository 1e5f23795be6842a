package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNothingSetGivesTheDefaults(t *testing.T) {
	c, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.Slots != 16 || c.Engine != "sqlite" || c.DataDir != "./data" ||
		c.Lease != 30*time.Second || c.MaxDocumentBytes != 20<<20 || c.Primary.Configured() {
		t.Errorf("got %+v", c)
	}
}

func TestFlagsGoBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	file := write(t, "addr: 127.0.0.1:1\nslots: 1\nlog: {level: warn}\ngrace: 5s\n")
	c, err := config.Load(config.Sources{
		Environ: []string{"SLUICE_CONFIG=" + file, "SLUICE_SLOTS=2", "SLUICE_LOG__LEVEL=debug", "NATS_URL=nats://127.0.0.1:4222", "PATH=/bin"},
		Flags:   map[string]any{"slots": 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Addr, " ", c.Slots, " ", c.Log.Level, " ", c.Grace, " ", c.NATS.URL)
	if want := "127.0.0.1:1 3 debug 5s nats://127.0.0.1:4222"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRoutesFollowTheirProvidersAndKeys(t *testing.T) {
	keys := t.TempDir()
	if err := os.WriteFile(filepath.Join(keys, "key"), []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := write(t, `
providers:
  - {name: near, url: "https://near.example/v1", api_key: near-key}
  - {name: far, url: "https://far.example/v1"}
primary: {provider: near, model: large}
fallback: {provider: far, model: small, timeout: 7s, input_usd: 0.15}
model_api_key_file: `+filepath.Join(keys, "key"))
	c, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if c.Primary.URL != "https://near.example/v1" || c.Primary.APIKey.Reveal() != "near-key" {
		t.Errorf("primary is %+v", c.Primary)
	}
	if c.Fallback.URL != "https://far.example/v1" || c.Fallback.APIKey.Reveal() != "from-file" || c.Fallback.Timeout != 7*time.Second {
		t.Errorf("fallback is %+v", c.Fallback)
	}
	viaEnv, err := config.Load(config.Sources{Environ: []string{
		"SLUICE_PRIMARY_URL=http://127.0.0.1:9/v1", "SLUICE_PRIMARY_MODEL=m", "SLUICE_MODEL_API_KEY=k",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := viaEnv.Primary; r.Provider != "primary" || r.Model != "m" || r.APIKey.Reveal() != "k" || viaEnv.Fallback.Configured() {
		t.Errorf("got %+v", r)
	}
}

const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestTenantsAreRead(t *testing.T) {
	c, err := config.Load(config.Sources{File: write(t, `
addr: 0.0.0.0:8080
tenants:
  - {name: acme, key_sha256: "`+sum+`, `+strings.ToUpper(sum)+`", weight: 5, max_running: 8, max_queued: 100, lanes: [interactive, batch],
     requests_per_second: 0.5, requests_burst: 3, bytes_per_second: 1000, bytes_burst: 2000, cost_usd_per_day: 12.5}
  - {name: ops, key_sha256: `+sum+`, operator: true}
`)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{sum, sum}, c.Tenants[0].Keys()); diff != "" {
		t.Error(diff)
	}
	if a := c.Tenants[0]; a.RequestsPerSecond != 0.5 || a.RequestsBurst != 3 || a.BytesPerSecond != 1000 || a.BytesBurst != 2000 || a.CostUSDPerDay != 12.5 {
		t.Errorf("got %+v", a)
	}
	if ops := c.Tenants[1]; !ops.Operator || ops.Weight != 1 || ops.MaxQueued != 10_000 {
		t.Errorf("got %+v", ops)
	}
}

func TestAMistakeIsNamedWithWhatWasMeant(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		want       []string
	}{
		{"unknown key", "adr: x", nil, []string{`unknown key "adr"`, `did you mean "addr"`}},
		{"unknown nested key", "log: {levle: info}", nil, []string{`"log.levle"`, `did you mean "level"`}},
		{"unknown key in a list", "tenants: [{name: a, key_sha256: " + sum + ", wieght: 2}]", nil, []string{`tenants[0].wieght`, `"weight"`}},
		{"unknown variable", "", []string{"SLUICE_DATADIR=x"}, []string{"SLUICE_DATADIR", `did you mean "SLUICE_DATA_DIR"`}},
		{"unknown provider", "providers: [{name: near, url: 'http://a/v1'}]\nprimary: {provider: naer, model: m}", nil, []string{`no provider is named "naer"`, `"near"`}},
		{"bad number", "slots: many", nil, []string{"slots"}},
		{"too many slots", "slots: 100000", nil, []string{"slots is 100000, want 0 to 4096"}},
		{"bad duration", "lease: soon", nil, []string{"lease"}},
		{"bad level", "log: {level: loud}", nil, []string{"log.level must be one of"}},
		{"bad URL", "primary: {url: 'ftp://x', model: m}", nil, []string{"primary.url"}},
		{"model without URL", "primary: {model: m}", nil, []string{"primary.model is set but primary.url is not"}},
		{"URL without model", "primary: {url: 'http://x/v1'}", nil, []string{"primary.model"}},
		{"open without tenants", "addr: 0.0.0.0:80", nil, []string{"no tenants are configured"}},
		{"bad hash", "tenants: [{name: a, key_sha256: abc}]", nil, []string{"64 hexadecimal digits"}},
		{"no hash", "tenants: [{name: a}]", nil, []string{"key_sha256 must be set"}},
		{"bad lane", "tenants: [{name: a, key_sha256: " + sum + ", lanes: [fast]}]", nil, []string{"tenants[0].lanes"}},
		{"same tenant twice", "tenants: [{name: a, key_sha256: " + sum + "}, {name: a, key_sha256: " + sum + "}]", nil, []string{"twice"}},
		{"both NATS", "nats: {url: 'nats://x', listen: '127.0.0.1:4222'}", nil, []string{"nats.url and nats.listen"}},
		{"key and file", "model_api_key: a\nmodel_api_key_file: b", nil, []string{"both set"}},
		{"no such file", "model_api_key_file: /does/not/exist", nil, []string{"model_api_key_file"}},
		{"not YAML", "a: [", nil, []string{"read configuration"}},
		{"too short an age", "retention: {succeeded: {max_age: 1h}}", nil, []string{"retention.succeeded.max_age is 1h0m0s, want 24h0m0s"}},
		{"negative count", "retention: {failed: {max_count: -1}}", nil, []string{"retention.failed.max_count is -1"}},
		{"retention of live jobs", "retention: {queued: {max_age: 24h}}", nil, []string{`unknown key "retention.queued"`}},
		{"no rate", "tenants: [{name: a, key_sha256: " + sum + ", requests_per_second: .nan}]", nil, []string{"tenants[0].requests_per_second is NaN"}},
		{"no money", "tenants: [{name: a, key_sha256: " + sum + ", cost_usd_per_day: -3}]", nil, []string{"tenants[0].cost_usd_per_day is -3"}},
		{"admin address", "admin_addr: nowhere", nil, []string{"admin_addr"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Load(config.Sources{File: write(t, c.file), Environ: c.environ})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %s: %v", want, err)
				}
			}
		})
	}
}

func TestRetentionKeepsWhatIsNotBounded(t *testing.T) {
	c, err := config.Load(config.Sources{
		File:    write(t, "retention: {failed: {max_age: 0, max_count: 700000}, operations: 0}"),
		Environ: []string{"SLUICE_RETENTION__SUCCEEDED__MAX_AGE=48h"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := jobs.Retention{
		MaxAge: map[jobs.State]time.Duration{
			jobs.Succeeded: 48 * time.Hour, jobs.Cancelled: 30 * 24 * time.Hour, jobs.Expired: 90 * 24 * time.Hour, jobs.Erased: 90 * 24 * time.Hour,
		},
		MaxCount: map[jobs.State]int64{jobs.Failed: 700_000},
	}
	if diff := cmp.Diff(want, c.Retention.Policy()); diff != "" {
		t.Error(diff)
	}
	if c.Retention.Operations != 0 {
		t.Errorf("operations are kept for %s", c.Retention.Operations)
	}
}

func TestASecretNeverShows(t *testing.T) {
	type holder struct{ Key config.Secret }
	h := holder{"canary"}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(text), fmt.Sprint(h), fmt.Sprintf("%+v %#v %s %q", h, h, h.Key, h.Key)} {
		if strings.Contains(shown, "canary") {
			t.Errorf("the secret shows in %s", shown)
		}
	}
}

func TestLoopbackTellsWhoCanReachAnAddress(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "localhost:80": true, "[::ffff:127.0.0.1]:1": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1:80": false, "example.com:80": false, "127.0.0.1": false,
	} {
		if got := config.Loopback(addr); got != want {
			t.Errorf("%s: got %v", addr, got)
		}
	}
}
