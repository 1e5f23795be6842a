package config_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/app/config"
)

func TestARouteSpeaksTheWireFormatOfItsOwnOrItsProvider(t *testing.T) {
	file := write(t, `
providers:
  - {name: far, url: "https://far.example", api: anthropic}
primary: {url: "https://near.example/v1", model: large, reasoning: true}
fallback: {provider: far, model: small}
`)
	c, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Primary; p.API != config.APIOpenAI || p.Format != "json_schema" || !p.Reasoning {
		t.Errorf("primary is %+v", p)
	}
	if f := c.Fallback; f.API != config.APIAnthropic || f.Format != "tool" || f.Reasoning {
		t.Errorf("fallback is %+v", f)
	}
	c, err = config.Load(config.Sources{File: file, Environ: []string{
		"SLUICE_PRIMARY_API=anthropic", "SLUICE_FALLBACK_API=openai", "SLUICE_FALLBACK__FORMAT=none", "SLUICE_PRIMARY__REASONING=false",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Primary.API != config.APIAnthropic || c.Primary.Format != "tool" || c.Primary.Reasoning || c.Fallback.API != config.APIOpenAI || c.Fallback.Format != "none" {
		t.Errorf("with the environment: %+v and %+v", c.Primary, c.Fallback)
	}
}

func TestAFormatMustBeOneOfItsWireFormat(t *testing.T) {
	for _, tc := range []struct{ api, format, want string }{
		{"grpc", "", "primary.api must be one of openai, anthropic"},
		{"openai", "tool", "primary.format must be one of json_schema, json_object, none"},
		{"anthropic", "json_object", "primary.format must be one of tool, json_schema, none"},
	} {
		file := write(t, "primary: {url: 'https://h.example/v1', model: m, api: "+tc.api+", format: '"+tc.format+"'}\n")
		if _, err := config.Load(config.Sources{File: file}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s with %q: %v, want %q", tc.api, tc.format, err, tc.want)
		}
	}
}
