package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// maxSecretFile bounds a file that holds a key, in bytes.
const maxSecretFile = 4 << 10

// Sources are where configuration comes from.
type Sources struct {
	// File is a YAML file; empty reads sluice.yaml if it is there.
	File string
	// Environ lists the environment as os.Environ does.
	Environ []string
	// Flags are keys set on the command line, such as "nats.listen".
	Flags map[string]any
}

// defaultFile is read when no file is named and it exists.
const defaultFile = "sluice.yaml"

// Load reads, merges and checks the configuration. Its errors name the file or
// variable, the key and the limit, and never a secret.
func Load(s Sources) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(defaults(), "."), nil); err != nil {
		return Config{}, fmt.Errorf("load defaults: %w", err)
	}
	env, envFile, err := environment(s.Environ)
	if err != nil {
		return Config{}, err
	}
	if s.File == "" {
		s.File = envFile
	}
	if err := loadFile(k, s.File); err != nil {
		return Config{}, err
	}
	for _, layer := range []map[string]any{env, s.Flags} {
		if err := k.Load(confmap.Provider(layer, "."), nil); err != nil {
			return Config{}, fmt.Errorf("load configuration: %w", err)
		}
	}
	return build(k)
}

func loadFile(k *koanf.Koanf, name string) error {
	if name == "" {
		if _, err := os.Stat(defaultFile); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		name = defaultFile
	}
	layer := koanf.New(".")
	if err := layer.Load(file.Provider(name), yaml.Parser()); err != nil {
		return fmt.Errorf("read configuration %s: %w", name, err)
	}
	if err := checkKeys(layer.Raw(), name); err != nil {
		return err
	}
	if err := k.Merge(layer); err != nil {
		return fmt.Errorf("merge configuration %s: %w", name, err)
	}
	return nil
}

func build(k *koanf.Koanf) (Config, error) {
	var c Config
	if err := k.UnmarshalWithConf("", &c, strictDecoding(&c)); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	if err := c.resolve(); err != nil {
		return Config{}, err
	}
	if err := c.validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// resolve fills in what depends on other keys: a route's provider, files that
// hold keys, directories.
func (c *Config) resolve() error {
	if c.Document.CacheDir == "" {
		c.Document.CacheDir = filepath.Join(c.DataDir, "pdfium-cache")
	}
	if err := c.Redis.resolve(c.DataDir); err != nil {
		return err
	}
	shared, err := secret("model_api_key", c.ModelAPIKey, c.ModelAPIKeyFile)
	if err != nil {
		return err
	}
	c.ModelAPIKey = shared
	for i := range c.Providers {
		p := &c.Providers[i]
		if p.APIKey, err = secret("providers."+p.Name+".api_key", p.APIKey, p.APIKeyFile); err != nil {
			return err
		}
	}
	for name, r := range c.routes() {
		if err := c.resolveRoute(name, r); err != nil {
			return err
		}
	}
	for i := range c.Tenants {
		if c.Tenants[i].MaxQueued == 0 {
			c.Tenants[i].MaxQueued = defaultMaxQueued
		}
		if c.Tenants[i].Weight == 0 {
			c.Tenants[i].Weight = 1
		}
	}
	return nil
}

func (c *Config) routes() map[string]*Route {
	return map[string]*Route{"primary": &c.Primary, "fallback": &c.Fallback}
}

func (c *Config) resolveRoute(name string, r *Route) error {
	var err error
	if r.APIKey, err = secret(name+".api_key", r.APIKey, r.APIKeyFile); err != nil {
		return err
	}
	if r.Provider != "" && r.URL == "" {
		p, ok := c.provider(r.Provider)
		if !ok {
			return fmt.Errorf("%s.provider: no provider is named %q%s", name, r.Provider, suggest(r.Provider, c.providerNames()))
		}
		r.URL = p.URL
		if r.API == "" {
			r.API = p.API
		}
		if r.APIKey == "" {
			r.APIKey = p.APIKey
		}
	}
	if r.Provider == "" && r.URL != "" {
		r.Provider = name
	}
	if r.API == "" {
		r.API = APIOpenAI
	}
	if r.Format == "" {
		r.Format = formatsOf(r.API)[0]
	}
	if r.APIKey == "" {
		r.APIKey = c.ModelAPIKey
	}
	return nil
}

func (c *Config) provider(name string) (Provider, bool) {
	for _, p := range c.Providers {
		if p.Name == name {
			return p, true
		}
	}
	return Provider{}, false
}

func (c *Config) providerNames() []string {
	names := make([]string, len(c.Providers))
	for i, p := range c.Providers {
		names[i] = p.Name
	}
	return names
}

// secret reads a key that may be given in place or in a file, not both.
func secret(key string, value Secret, path string) (Secret, error) {
	if path == "" {
		return value, nil
	}
	if value != "" {
		return "", fmt.Errorf("%s and %s_file are both set: keep one", key, key)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", key, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", key, err)
	}
	if len(data) > maxSecretFile {
		return "", fmt.Errorf("%s_file: the file has more than %d bytes", key, maxSecretFile)
	}
	return Secret(strings.TrimSpace(string(data))), nil
}
