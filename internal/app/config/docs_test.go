package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/app/config"
)

const page = "../../../docs/configuration.md"

func TestThePageNamesEveryKeyAndNoOther(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell := strings.SplitN(line, "|", 3)[1]
		for _, m := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(cell, -1) {
			documented[m[1]] = true
		}
	}
	known := append(config.KnownKeys(), "providers", "tenants")
	for _, key := range known {
		if !documented[key] {
			t.Errorf("the page does not name %s", key)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("the page names %s, which is no key", key)
	}
}

func TestTheExamplesOfThePageLoad(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) != 3 {
		t.Fatalf("%d examples, want 3", len(examples))
	}
	key := t.TempDir() + "/key"
	if err := os.WriteFile(key, []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		file := regexp.MustCompile(`/run/secrets/\w+`).ReplaceAllString(example[1], key)
		if _, err := config.Load(config.Sources{File: write(t, file)}); err != nil {
			t.Error(err)
		}
	}
}
