package modelsim

import "time"

// Limits that hold for every server.
const (
	// DefaultMaxBody is the largest request body taken by default: 32 MiB.
	DefaultMaxBody = 32 << 20
	// DefaultKeepCalls is how many calls are remembered by default.
	DefaultKeepCalls = 10_000
	// maxKeys bounds the (model, tenant, document) keys whose calls are
	// numbered; past it the oldest key is forgotten and starts at 1 again.
	maxKeys = 1 << 16
	// maxModels bounds the models that are counted apart; the calls of any
	// further ones are counted under "".
	maxModels = 1 << 10
	// maxName bounds model and tenant names, in bytes; longer ones are cut.
	maxName = 256
)

// Config describes a simulated provider. The zero value serves every model name
// honestly and at once, for free.
type Config struct {
	// Seed decides every random draw.
	Seed uint64
	// Rules is the script: the first rule that matches decides the reply. A
	// call that no rule takes gets the good answer.
	Rules []Rule
	// Models lists the models that exist; a call for another one is answered
	// with 404 model_not_found. Empty: every name is served.
	Models []Model
	// APIKeys lists the keys that are let in; others get 401. Empty: every
	// caller is let in.
	APIKeys []string
	// TenantHeader is the request header that names the tenant. Default
	// "X-Tenant". Without it Tenants or the request's user field names the
	// tenant.
	TenantHeader string
	// Tenants names tenants by their API keys.
	Tenants map[string]string
	// MaxBody is the largest request body in bytes; a larger one gets 413.
	// Default [DefaultMaxBody].
	MaxBody int64
	// KeepCalls is how many of the latest calls [Server.Calls] remembers;
	// counts and bills cover all. Default [DefaultKeepCalls].
	KeepCalls int
	// Now is the clock behind Call.At and Match.During. Default time.Now.
	// Delays always use the runtime's timers.
	Now func() time.Time
	// Events are called as calls come and go.
	Events Events
}

// Model is one model of the simulated provider.
type Model struct {
	// Name is what requests ask for, such as "sim-large".
	Name string
	// Window is the largest prompt in tokens; a longer one gets 400
	// context_length_exceeded. 0 is unbounded.
	Window int
	// InputPrice and OutputPrice are millionths of a US dollar for a million
	// tokens.
	InputPrice, OutputPrice int64
	// RequestsPerMinute and TokensPerMinute are the provider's limits, counted
	// over the last minute when a call arrives: its prompt and the longest
	// answer that it allows. A call above them gets 429 with the time until it
	// fits. 0 is unbounded.
	RequestsPerMinute, TokensPerMinute int
	// MaxInFlight is how many calls may be open at once; more get 429 without
	// a time. 0 is unbounded.
	MaxInFlight int
	// Latency passes before every answer of this model, in addition to the
	// reply's own Delay.
	Latency time.Duration
}

// Events tells a listener about calls. Each function may be nil, is called
// without locks held, and may be called from several goroutines at once.
type Events struct {
	// Arrived is called when a request has been read and its reply chosen.
	Arrived func(Call)
	// Done is called when the reply was sent, cut or given up.
	Done func(Call)
}

// WithDefaults returns a copy of c in which every unset limit has its default.
func (c Config) WithDefaults() Config {
	if c.TenantHeader == "" {
		c.TenantHeader = "X-Tenant"
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.KeepCalls <= 0 {
		c.KeepCalls = DefaultKeepCalls
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Events.Arrived == nil {
		c.Events.Arrived = func(Call) {}
	}
	if c.Events.Done == nil {
		c.Events.Done = func(Call) {}
	}
	return c
}

// model returns the model of that name and whether it exists.
func (c Config) model(name string) (Model, bool) {
	for _, m := range c.Models {
		if m.Name == name {
			return m, true
		}
	}
	return Model{Name: name}, len(c.Models) == 0
}
