package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxPriceUSD bounds the price of a million tokens: a larger one is a mistake.
const maxPriceUSD = 1_000_000

// validate finds everything that is wrong at once; each error names the key and
// the limit.
func (c Config) validate() error {
	problems := []error{
		address("addr", c.Addr),
		within("slots", int64(c.Slots), 0, 4096),
		within("max_document_bytes", c.MaxDocumentBytes, 1, 1<<30),
		within("document.children", int64(c.Document.Children), 0, 64),
		within("document.max_pages", int64(c.Document.MaxPages), 1, 10_000),
		lasting("lease", c.Lease, time.Second, time.Hour),
		lasting("grace", c.Grace, 0, time.Hour),
		lasting("document.timeout", c.Document.Timeout, time.Second, 10*time.Minute),
		oneOf("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error"),
		oneOf("log.format", c.Log.Format, "auto", "console", "json"),
	}
	if c.AdminAddr != "off" {
		problems = append(problems, address("admin_addr", c.AdminAddr))
	}
	if c.DataDir == "" {
		problems = append(problems, errors.New("data_dir must not be empty"))
	}
	if c.NATS.URL != "" && c.NATS.Listen != "" {
		problems = append(problems, errors.New("nats.url and nats.listen are both set: with a URL no server runs in this process"))
	}
	problems = append(problems, c.validateEngine(), c.Primary.validate("primary"), c.Fallback.validate("fallback"))
	problems = append(problems, c.validateTenants(), c.Retention.validate(), c.Tiers.validate(), c.Cache.validate())
	return errors.Join(problems...)
}

func (r Route) validate(name string) error {
	if !r.Configured() {
		if r.Model != "" {
			return fmt.Errorf("%s.model is set but %s.url is not", name, name)
		}
		return nil
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s.url must be an http or https URL such as https://host/v1", name)
	}
	if u.User != nil {
		return fmt.Errorf("%s.url must not hold a user or password: use %s.api_key_file", name, name)
	}
	var problems []error
	if r.Model == "" {
		problems = append(problems, fmt.Errorf("%s.model must be set with %s.url", name, name))
	}
	problems = append(problems,
		within(name+".window", int64(r.Window), 1024, 100_000_000),
		within(name+".max_output", int64(r.MaxOutput), 16, 1_000_000),
		lasting(name+".timeout", r.Timeout, 0, time.Hour),
		oneOf(name+".api", r.API, APIOpenAI, APIAnthropic),
		oneOf(name+".format", r.Format, formatsOf(r.API)...),
	)
	problems = append(problems, priced(name+".input_usd", r.InputUSD), priced(name+".output_usd", r.OutputUSD))
	if err := r.Limits().Validate(); err != nil {
		problems = append(problems, fmt.Errorf("%s: %w", name, err))
	}
	return errors.Join(problems...)
}

// formatsOf lists the formats that a wire format knows, its default first.
func formatsOf(api string) []string {
	if api == APIAnthropic {
		return []string{"tool", "json_schema", "none"}
	}
	return []string{"json_schema", "json_object", "none"}
}

func (c Config) validateTenants() error {
	var problems []error
	seen := map[string]bool{}
	for i, t := range c.Tenants {
		key := fmt.Sprintf("tenants[%d]", i)
		if jobs.ID(t.Name).Validate() != nil {
			problems = append(problems, fmt.Errorf("%s.name must be 1 to %d characters of 0-9 A-Z a-z _ -", key, jobs.MaxIDLength))
		}
		if seen[t.Name] {
			problems = append(problems, fmt.Errorf("%s.name: %q is there twice", key, t.Name))
		}
		seen[t.Name] = true
		problems = append(problems, t.validate(key))
	}
	if len(c.Tenants) == 0 && !Loopback(c.Addr) {
		problems = append(problems, fmt.Errorf("addr %q is reachable from other machines, but no tenants are configured: add tenants with keys, or listen on 127.0.0.1", c.Addr))
	}
	return errors.Join(problems...)
}

func (t Tenant) validate(key string) error {
	problems := []error{
		within(key+".weight", int64(t.Weight), 1, jobs.MaxWeight),
		within(key+".max_running", int64(t.MaxRunning), 0, 1<<20),
		within(key+".max_queued", int64(t.MaxQueued), 1, 1<<30),
		within(key+".requests_burst", int64(t.RequestsBurst), 0, 1_000_000),
		within(key+".bytes_per_second", t.BytesPerSecond, 0, 1<<40),
		within(key+".bytes_burst", t.BytesBurst, 0, 1<<40),
		between(key+".requests_per_second", t.RequestsPerSecond, 0.001, 1_000_000),
		between(key+".cost_usd_per_day", t.CostUSDPerDay, 0.000_001, 10_000_000),
	}
	if len(t.Keys()) == 0 {
		problems = append(problems, fmt.Errorf("%s.key_sha256 must be set: printf %%s \"$KEY\" | sha256sum", key))
	}
	for _, sum := range t.Keys() {
		if b, err := hex.DecodeString(sum); err != nil || len(b) != 32 {
			problems = append(problems, fmt.Errorf("%s.key_sha256 must be 64 hexadecimal digits", key))
		}
	}
	for _, l := range t.Lanes {
		if _, err := jobs.ParseLane(l); err != nil {
			problems = append(problems, fmt.Errorf("%s.lanes: %w", key, err))
		}
	}
	return errors.Join(problems...)
}

// Keys lists the hashes of the tenant's keys.
func (t Tenant) Keys() []string {
	var keys []string
	for k := range strings.SplitSeq(t.KeySHA256, ",") {
		if k = strings.ToLower(strings.TrimSpace(k)); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// Loopback reports whether only this machine can reach the address.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func address(key, value string) error {
	if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
		return fmt.Errorf("%s must be host:port, such as 127.0.0.1:8080", key)
	}
	return nil
}

func within(key string, value, low, high int64) error {
	if value < low || value > high {
		return fmt.Errorf("%s is %d, want %d to %d", key, value, low, high)
	}
	return nil
}

// between wants a number in bounds, or 0.
func between(key string, value, low, high float64) error {
	if value != 0 && !(value >= low && value <= high) { // so that NaN is refused
		return fmt.Errorf("%s is %g, want 0 or %g to %g", key, value, low, high)
	}
	return nil
}

func lasting(key string, value, low, high time.Duration) error {
	if value < low || value > high {
		return fmt.Errorf("%s is %s, want %s to %s", key, value, low, high)
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("%s must be one of %s", key, strings.Join(allowed, ", "))
	}
	return nil
}

func priced(name string, usd float64) error {
	if usd >= 0 && usd <= maxPriceUSD { // NaN is neither
		return nil
	}
	return fmt.Errorf("%s is %v, want 0 to %d", name, usd, maxPriceUSD)
}
