package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// EngineSQLite names the engine inside one process.
const EngineSQLite = "sqlite"

// Redis is what the engine that processes share needs beside its address.
type Redis struct {
	// Password is that of the Redis server, when the address in engine holds
	// none.
	Password     Secret `koanf:"password"`
	PasswordFile string `koanf:"password_file"`
	// Prefix begins the keys of this store, so that several share a server; it
	// has a part in braces: {sluice}:.
	Prefix string `koanf:"prefix"`
	// DocumentsDir holds the documents above 32 KiB. All processes must reach
	// the same one: documents in DataDir.
	DocumentsDir string `koanf:"documents_dir"`
	// AcceptLoss opens a server whose settings can lose accepted jobs.
	AcceptLoss bool `koanf:"accept_loss"`
	// MemoryBudget is how many bytes Redis may hold before intake is refused:
	// 80 % of its maxmemory, or 60 % of its machine's memory.
	MemoryBudget int64 `koanf:"memory_budget"`
	// Replicas is how many replicas must have each write before it is
	// answered, ReplicaWait how long that may take: 0 and 1 s.
	Replicas    int           `koanf:"replicas"`
	ReplicaWait time.Duration `koanf:"replica_wait"`
}

// Shared reports whether several processes share the engine.
func (c Config) Shared() bool { return c.Engine != EngineSQLite }

// EngineLabel names the engine for people: without user and password.
func (c Config) EngineLabel() string {
	scheme, rest, ok := strings.Cut(c.Engine, "://")
	if !ok {
		return c.Engine
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// EngineURL is the address of the shared engine with its password.
func (c Config) EngineURL() string {
	scheme, rest, ok := strings.Cut(c.Engine, "://")
	if c.Redis.Password == "" || !ok {
		return c.Engine
	}
	user, hosts, named := strings.Cut(rest, "@")
	if !named {
		user, hosts = "", rest
	}
	return scheme + "://" + user + url.UserPassword("", c.Redis.Password.Reveal()).String() + "@" + hosts
}

// resolve fills in what depends on other keys.
func (r *Redis) resolve(dataDir string) (err error) {
	if r.DocumentsDir == "" {
		r.DocumentsDir = filepath.Join(dataDir, "documents")
	}
	r.Password, err = secret("redis.password", r.Password, r.PasswordFile)
	return err
}

func (c Config) validateEngine() error {
	if !c.Shared() {
		return nil
	}
	scheme, rest, named := strings.Cut(c.Engine, "://")
	problems := []error{
		within("redis.memory_budget", c.Redis.MemoryBudget, 0, 1<<50),
		within("redis.replicas", int64(c.Redis.Replicas), 0, 16),
		lasting("redis.replica_wait", c.Redis.ReplicaWait, time.Millisecond, 4*time.Second),
	}
	if !named || !slices.Contains([]string{"redis", "rediss", "redis+sentinel", "rediss+sentinel"}, scheme) {
		problems = append(problems, fmt.Errorf("engine must be %s, or the address of Redis such as redis://host:6379 or redis+sentinel://host:26379/0?master=name", EngineSQLite))
	}
	if user, _, ok := strings.Cut(rest, "@"); ok && c.Redis.Password != "" && strings.Contains(user, ":") {
		problems = append(problems, errors.New("engine and redis.password both hold a password: keep one"))
	}
	return errors.Join(problems...)
}
