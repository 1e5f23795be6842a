package asynqjobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Risk is something about a Redis server that can lose jobs that were answered
// as accepted.
type Risk struct {
	// Setting names the setting of Redis, Value what it is set to; Value is
	// empty when it could not be read.
	Setting, Value string
	// Loses says what can be lost and when.
	Loses string
	// Mend says what to do about it.
	Mend string
}

// String says it all in one line.
func (r Risk) String() string {
	if r.Value == "" {
		return fmt.Sprintf("%s cannot be read: %s; %s", r.Setting, r.Loses, r.Mend)
	}
	return fmt.Sprintf("%s is %s: %s; %s", r.Setting, r.Value, r.Loses, r.Mend)
}

// SettingsError refuses a Redis server that can lose accepted jobs.
type SettingsError struct{ Risks []Risk }

// Error names each setting, what it can lose and how to mend it.
func (e *SettingsError) Error() string {
	lines := make([]string, len(e.Risks))
	for i, r := range e.Risks {
		lines[i] = "\n  " + r.String()
	}
	return "this Redis can lose jobs that were accepted:" + strings.Join(lines, "") +
		"\nMend this, or accept the loss in words (-accept-loss, redis.accept_loss: true)"
}

// server is what the engine has to know about the Redis it talks to.
type server struct {
	run      string // differs after each start
	used     int64  // memory in use, bytes
	limit    int64  // maxmemory, bytes; 0 for none
	system   int64  // memory of its machine, bytes; 0 when unknown
	replicas int
	aof      bool
	eviction string
}

// oldest is the oldest Redis that has what the scripts need.
const oldest = "6.2"

// inspect asks the server about itself. It refuses one that no setting can
// make fit.
func inspect(ctx context.Context, c redis.Cmdable) (server, error) {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return server{}, fmt.Errorf("%w: ask Redis about itself: %w", jobs.ErrUnavailable, err)
	}
	info := infoFields(text)
	number := func(key string) int64 {
		n, _ := strconv.ParseInt(info[key], 10, 64) // 0 where a server does not say
		return n
	}
	s := server{
		run: info["run_id"], used: number("used_memory"), limit: number("maxmemory"), system: number("total_system_memory"),
		replicas: int(number("connected_slaves")), aof: info["aof_enabled"] == "1", eviction: info["maxmemory_policy"],
	}
	switch {
	case info["loading"] == "1":
		return s, fmt.Errorf("%w: Redis still reads its file", jobs.ErrUnavailable)
	case olderThan(info["redis_version"], oldest):
		return s, fmt.Errorf("this Redis is version %.20s, want %s or later", info["redis_version"], oldest)
	case info["redis_mode"] == "cluster" || info["cluster_enabled"] == "1":
		return s, errors.New("this Redis is part of a cluster, which is not supported: use one primary, with Sentinel for failover")
	case info["role"] == "slave":
		return s, errors.New("this Redis is a replica and takes no writes: name its primary, or its sentinels (redis+sentinel://...?master=name)")
	}
	return s, nil
}

// infoFields reads the lines "key:value" of INFO.
func infoFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[key] = value
		}
	}
	return fields
}

// olderThan compares the first two numbers of versions. A version that cannot
// be read is not older: it is some other server that speaks for Redis.
func olderThan(version, limit string) bool {
	a, okA := majorMinor(version)
	b, okB := majorMinor(limit)
	return okA && okB && (a[0] < b[0] || a[0] == b[0] && a[1] < b[1])
}

func majorMinor(version string) (n [2]int, ok bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return n, false
	}
	for i := range n {
		v, err := strconv.Atoi(parts[i])
		if err != nil {
			return n, false
		}
		n[i] = v
	}
	return n, true
}

// wanted are the settings of a server that loses nothing it has answered.
func wanted() []Risk {
	return []Risk{
		{
			Setting: "appendonly", Value: "yes",
			Loses: "a restart loses every job since the last snapshot, or all of them",
			Mend:  "set appendonly yes",
		},
		{
			Setting: "appendfsync", Value: "always",
			Loses: "a power cut loses the jobs accepted since the last sync (everysec: 1 to 2 seconds; no: up to about 30)",
			Mend:  "set appendfsync always",
		},
		{
			Setting: "no-appendfsync-on-rewrite", Value: "no",
			Loses: "while the append-only file is rewritten nothing is synced, whatever appendfsync says",
			Mend:  "set no-appendfsync-on-rewrite no",
		},
		{
			Setting: "maxmemory-policy", Value: "noeviction",
			Loses: "when memory is short, keys of live jobs are thrown away",
			Mend:  "set maxmemory-policy noeviction",
		},
	}
}

// risks compares the server's settings with the wanted ones. On a server that
// keeps its settings to itself, what INFO tells is compared, and the rest is a
// risk because it is not known.
func risks(ctx context.Context, c redis.Cmdable, s server) ([]Risk, error) {
	known := map[string]string{"maxmemory-policy": s.eviction}
	if !s.aof {
		known["appendonly"] = "no"
	}
	forbidden := false
	for _, w := range wanted() {
		got, err := c.ConfigGet(ctx, w.Setting).Result()
		if reply, ok := errors.AsType[redis.Error](err); ok && !errors.Is(err, redis.Nil) {
			forbidden = true
			_ = reply // the server answered, and answered no
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: read the settings of Redis: %w", jobs.ErrUnavailable, err)
		}
		if value, ok := got[w.Setting]; ok {
			known[w.Setting] = value
		}
	}
	if s.aof && known["appendonly"] == "" {
		known["appendonly"] = "yes"
	}
	var found []Risk
	for _, w := range wanted() {
		value := known[w.Setting]
		if value == w.Value {
			continue
		}
		w.Value = value
		if value == "" && forbidden {
			w.Mend += ", and since the server forbids CONFIG GET, as managed ones do, ask its provider and accept the loss in words"
		}
		found = append(found, w)
	}
	return found, nil
}
