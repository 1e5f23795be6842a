package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/app/config"
)

func TestASharedEngineIsNamedByItsAddress(t *testing.T) {
	for engine, want := range map[string]struct{ password, label, url string }{
		"sqlite":                            {"", "sqlite", "sqlite"},
		"redis://a:1":                       {"", "redis://a:1", "redis://a:1"},
		"redis://a:1/2":                     {"p@s s/", "redis://a:1/2", "redis://:p%40s%20s%2F@a:1/2"},
		"redis://u@a":                       {"p", "redis://a", "redis://u:p@a"},
		"rediss://u:canary@a:1":             {"", "rediss://a:1", "rediss://u:canary@a:1"},
		"redis+sentinel://a,b:2/0?master=m": {"p", "redis+sentinel://a,b:2/0", "redis+sentinel://:p@a,b:2/0?master=m"},
	} {
		c, err := config.Load(config.Sources{Flags: map[string]any{"engine": engine, "redis.password": want.password, "data_dir": "/d"}})
		if err != nil {
			t.Errorf("%s: %v", engine, err)
			continue
		}
		if diff := cmp.Diff([]string{want.label, want.url}, []string{c.EngineLabel(), c.EngineURL()}); diff != "" {
			t.Errorf("%s: %s", engine, diff)
		}
		if c.Shared() != (engine != "sqlite") || c.Redis.DocumentsDir != "/d/documents" || c.Redis.Prefix != "{sluice}:" {
			t.Errorf("%s: got %+v", engine, c.Redis)
		}
	}
}

func TestWhatNoRedisCanBeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		flags map[string]any
		want  string
	}{
		"another store":    {map[string]any{"engine": "postgres://u:canary@a"}, "engine must be sqlite, or the address of Redis"},
		"a word":           {map[string]any{"engine": "redis"}, "engine must be sqlite"},
		"two passwords":    {map[string]any{"engine": "redis://u:canary@a", "redis.password": "canary"}, "keep one"},
		"no such file":     {map[string]any{"engine": "redis://a", "redis.password_file": "/does/not/exist"}, "redis.password_file"},
		"a negative limit": {map[string]any{"engine": "redis://a", "redis.memory_budget": -1}, "redis.memory_budget"},
		"a long wait":      {map[string]any{"engine": "redis://a", "redis.replica_wait": "1m"}, "redis.replica_wait"},
		"many replicas":    {map[string]any{"engine": "redis://a", "redis.replicas": 100}, "redis.replicas"},
	} {
		_, err := config.Load(config.Sources{Flags: c.flags})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
