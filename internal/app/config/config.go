// Package config reads the configuration of the Sluice processes: a YAML file,
// then the environment, then flags, each overriding the one before.
package config

import (
	"time"
)

// Config is everything that an operator can set. The zero value of a field
// means its default; [Load] fills the defaults in.
type Config struct {
	// Addr is where the HTTP API listens: 127.0.0.1:8080.
	Addr string `koanf:"addr"`
	// AdminAddr is where /metrics and /debug/pprof listen: 127.0.0.1:9090.
	// "off" opens no such listener.
	AdminAddr string `koanf:"admin_addr"`
	// DataDir holds everything the default engine keeps: ./data.
	DataDir string `koanf:"data_dir"`
	// Engine is the store: sqlite, or the address of a Redis that several
	// processes share. It may hold a password; show EngineLabel instead.
	Engine string `koanf:"engine"`
	// Slots is how many jobs run at once in this process: 16. 0 turns the
	// in-process worker off.
	Slots int `koanf:"slots"`
	// Lease is how long a worker may be silent before its jobs are lent
	// again: 30 s.
	Lease time.Duration `koanf:"lease"`
	// Grace is how long running jobs may finish after SIGTERM: 25 s.
	Grace time.Duration `koanf:"grace"`
	// MaxDocumentBytes bounds an uploaded document: 20 MiB.
	MaxDocumentBytes int64 `koanf:"max_document_bytes"`

	Redis     Redis      `koanf:"redis"`
	NATS      NATS       `koanf:"nats"`
	Log       Log        `koanf:"log"`
	Document  Document   `koanf:"document"`
	Providers []Provider `koanf:"providers"`
	// Primary and Fallback are the routes of tiers 1 and 2. A route without
	// a URL turns its tier off.
	Primary  Route `koanf:"primary"`
	Fallback Route `koanf:"fallback"`
	Tiers    Tiers `koanf:"tiers"`
	Cache    Cache `koanf:"cache"`
	// ModelAPIKey is the key of every route that names none of its own.
	ModelAPIKey     Secret   `koanf:"model_api_key"`
	ModelAPIKeyFile string   `koanf:"model_api_key_file"`
	Tenants         []Tenant `koanf:"tenants"`
	// Retention says how long what has ended is kept.
	Retention Retention `koanf:"retention"`
}

// NATS says how processes hear each other.
type NATS struct {
	// URL of a NATS server or cluster; empty runs a server inside the process.
	URL string `koanf:"url"`
	// Listen opens a port on the server inside the process, as "host:port".
	// Empty opens none.
	Listen string `koanf:"listen"`
}

// Log says what is logged and how.
type Log struct {
	// Level is trace, debug, info, warn or error: info.
	Level string `koanf:"level"`
	// Format is json, console or auto: console on a terminal, else json.
	Format string `koanf:"format"`
}

// Document bounds the reading of documents.
type Document struct {
	// Children is how many parser processes may run at once: the number of
	// processors.
	Children int `koanf:"children"`
	// Timeout bounds the parsing of one document: 20 s.
	Timeout time.Duration `koanf:"timeout"`
	// MaxPages bounds the pages of a document: 100.
	MaxPages int `koanf:"max_pages"`
	// CacheDir keeps the compiled PDF parser: pdfium-cache in DataDir.
	CacheDir string `koanf:"cache_dir"`
}

// Provider is a model server that routes refer to by name.
type Provider struct {
	Name string `koanf:"name"`
	// URL is the base that an OpenAI SDK takes, such as https://host/v1.
	URL string `koanf:"url"`
	// API is the wire format of routes that name none of their own.
	API        string `koanf:"api"`
	APIKey     Secret `koanf:"api_key"`
	APIKeyFile string `koanf:"api_key_file"`
}

// Route is one model at one provider.
type Route struct {
	// Provider names an entry of providers. A route without one has a URL and
	// key of its own.
	Provider string `koanf:"provider"`
	URL      string `koanf:"url"`
	// API is the wire format that the route speaks: openai, which every
	// OpenAI-compatible server does, or anthropic. The default is the
	// provider's, else openai.
	API        string `koanf:"api"`
	Model      string `koanf:"model"`
	APIKey     Secret `koanf:"api_key"`
	APIKeyFile string `koanf:"api_key_file"`
	// Timeout bounds one call; the default is the tier's own.
	Timeout time.Duration `koanf:"timeout"`
	// Window is the model's context window in tokens: 128000.
	Window int `koanf:"window"`
	// MaxOutput bounds the answer in tokens: 4096.
	MaxOutput int `koanf:"max_output"`
	// Format is how the answer's schema is asked for: json_schema,
	// json_object or none, and with anthropic tool. The default is tool with
	// anthropic, else json_schema.
	Format string `koanf:"format"`
	// Reasoning is for models that think before they answer and take neither
	// a temperature nor max_tokens. It changes nothing with anthropic.
	Reasoning bool `koanf:"reasoning"`
	// InputUSD and OutputUSD are the prices of a million tokens in US
	// dollars; 0 leaves cost unknown.
	InputUSD  float64 `koanf:"input_usd"`
	OutputUSD float64 `koanf:"output_usd"`
	// Regions are where the route works on data, as "eu,us". A job with the
	// label residency goes only to routes with its region.
	Regions string `koanf:"regions"`
	// Concurrency is how many calls of all processes may be under way at once;
	// RequestsPerMinute and TokensPerMinute are the provider's rates. 0 is no
	// limit.
	Concurrency       int `koanf:"concurrency"`
	RequestsPerMinute int `koanf:"requests_per_minute"`
	TokensPerMinute   int `koanf:"tokens_per_minute"`
	// EvalShare is the part of these that the batch lane gets: 0.25.
	EvalShare float64 `koanf:"eval_share"`
}

// The wire formats of routes.
const (
	APIOpenAI    = "openai"
	APIAnthropic = "anthropic"
)

// Configured reports whether the route leads anywhere.
func (r Route) Configured() bool { return r.URL != "" }

// Tenant is a tenant with its keys. Its limits hold until they are edited at
// run time.
type Tenant struct {
	Name string `koanf:"name"`
	// KeySHA256 is the SHA-256 of the tenant's API key in hexadecimal; several
	// keys, separated by commas, may live side by side.
	KeySHA256 string `koanf:"key_sha256"`
	// Weight is the tenant's share inside a lane, 1 to 1000: 1.
	Weight int `koanf:"weight"`
	// MaxRunning is the most jobs that run at once; 0 means no limit.
	MaxRunning int `koanf:"max_running"`
	// MaxQueued is the most jobs that wait: 10000.
	MaxQueued int `koanf:"max_queued"`
	// Lanes are the lanes the tenant may use; empty means all.
	Lanes []string `koanf:"lanes"`
	// RequestsPerSecond bounds submissions, RequestsBurst how many come at
	// once: a second's worth. 0 is no limit.
	RequestsPerSecond float64 `koanf:"requests_per_second"`
	RequestsBurst     int     `koanf:"requests_burst"`
	// BytesPerSecond bounds the bytes of submitted documents, BytesBurst how
	// many come at once: a second's worth. 0 is no limit.
	BytesPerSecond int64 `koanf:"bytes_per_second"`
	BytesBurst     int64 `koanf:"bytes_burst"`
	// CostUSDPerDay is what model calls may cost in a day (UTC), in US
	// dollars; 0 is no limit.
	CostUSDPerDay float64 `koanf:"cost_usd_per_day"`
	// Operator lets the tenant's keys see and command the jobs of all tenants.
	Operator bool `koanf:"operator"`
}

// Secret is a text that never shows: it prints, logs and marshals as "***".
type Secret string

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func defaults() map[string]any {
	return map[string]any{
		"addr":                "127.0.0.1:8080",
		"admin_addr":          "127.0.0.1:9090",
		"data_dir":            "./data",
		"engine":              EngineSQLite,
		"slots":               16,
		"lease":               "30s",
		"grace":               "25s",
		"max_document_bytes":  20 << 20,
		"log.level":           "info",
		"log.format":          "auto",
		"redis.prefix":        "{sluice}:",
		"redis.replica_wait":  "1s",
		"document.timeout":    "20s",
		"document.max_pages":  100,
		"cache.max_bytes":     64 << 20,
		"primary.window":      128000,
		"primary.max_output":  4096,
		"fallback.window":     128000,
		"fallback.max_output": 4096,

		"retention.succeeded.max_age": "720h",
		"retention.cancelled.max_age": "720h",
		"retention.failed.max_age":    "2160h",
		"retention.expired.max_age":   "2160h",
		"retention.erased.max_age":    "2160h",
		"retention.operations":        "2160h",
	}
}

const defaultMaxQueued = 10_000
