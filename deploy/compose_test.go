package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"

	"github.com/sluicehq/sluice/internal/app/config"
)

// composed is deploy/compose.yaml with its variables filled in.
func composed(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	filled := regexp.MustCompile(`\$\{(\w+):([-?])[^}]*\}`).ReplaceAllStringFunc(string(text), func(s string) string {
		switch {
		case strings.Contains(s, "SHA256"):
			return strings.Repeat("ab", 32)
		case strings.Contains(s, "PASSWORD"):
			return "secret"
		}
		return ""
	})
	all, err := yaml.Parser().Unmarshal([]byte(filled))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// at walks down maps.
func at(t *testing.T, m map[string]any, path ...string) any {
	t.Helper()
	var v any = m
	for _, key := range path {
		next, ok := v.(map[string]any)[key]
		if !ok {
			t.Fatalf("no %s in %v", key, path)
		}
		v = next
	}
	return v
}

func TestTheComposedProcessesTakeTheirSettings(t *testing.T) {
	all := composed(t)
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(file, []byte(at(t, all, "configs", "sluice", "content").(string)), 0o600); err != nil {
		t.Fatal(err)
	}
	for service, slots := range map[string]int{"api-1": 0, "api-2": 0, "worker": 16} {
		var environ []string
		for name, value := range at(t, all, "services", service, "environment").(map[string]any) {
			if name == "SLUICE_CONFIG" {
				value = file
			}
			environ = append(environ, fmt.Sprintf("%s=%v", name, value))
		}
		c, err := config.Load(config.Sources{Environ: environ})
		if err != nil {
			t.Errorf("%s: %v", service, err)
			continue
		}
		if c.Slots != slots || c.EngineURL() != "redis://:secret@redis:6379" || c.NATS.URL == "" || len(c.Tenants) != 1 || c.Redis.AcceptLoss {
			t.Errorf("%s: got %+v", service, c)
		}
		if !strings.HasPrefix(c.Redis.DocumentsDir, "/data/") || !slices.Contains(at(t, all, "services", service, "volumes").([]any), any("data:/data")) {
			t.Errorf("%s: documents in %s are not shared", service, c.Redis.DocumentsDir)
		}
	}
	if n := at(t, all, "services", "worker", "deploy", "replicas"); n != 3 {
		t.Errorf("%v workers", n)
	}
}

func TestTheComposedRedisLosesNothing(t *testing.T) {
	command := fmt.Sprint(at(t, composed(t), "services", "redis", "command"))
	for _, want := range []string{"--appendonly yes", "--appendfsync always", "--no-appendfsync-on-rewrite no", "--maxmemory-policy noeviction"} {
		if !strings.Contains(command, want) {
			t.Errorf("no %s in %s", want, command)
		}
	}
}
