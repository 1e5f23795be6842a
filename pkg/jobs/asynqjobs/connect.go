package asynqjobs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// How long Redis may take. With appendfsync always an answer waits for the
// disk, and a rewrite of the append-only file may keep that busy.
const (
	dialWithin   = 2 * time.Second
	answerWithin = 5 * time.Second
)

// connections is the most that a client opens. Calls beyond wait for one.
const connections = 64

// address is where Redis is: one server, or sentinels that know the primary.
type address struct {
	single   *redis.Options
	failover *redis.FailoverOptions
}

// parseURL reads the address of Redis:
//
//	redis://[user:password@]host:port[/db]       one server; rediss:// with TLS
//	unix://[user:password@]/path[?db=db]         one server, by its socket
//	redis+sentinel://[user:password@]host:port[,host:port...][/db]?master=name
//
// The last also takes sentinel_username and sentinel_password, and as
// rediss+sentinel:// speaks TLS with sentinels and servers. An error never
// repeats the text, which may hold a password.
func parseURL(raw string) (address, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	switch {
	case !ok:
		return address{}, errors.New("the address of Redis is no URL such as redis://127.0.0.1:6379")
	case scheme == "redis+sentinel" || scheme == "rediss+sentinel":
		return parseSentinel(strings.TrimSuffix(scheme, "+sentinel"), rest)
	case scheme != "redis" && scheme != "rediss" && scheme != "unix":
		return address{}, fmt.Errorf("the address of Redis begins with %.20q, want redis, rediss, unix, redis+sentinel or rediss+sentinel", scheme)
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return address{}, errors.New("the address of Redis is not well formed, want redis://[user:password@]host:port[/db]")
	}
	setUp(o)
	return address{single: o}, nil
}

func parseSentinel(scheme, rest string) (address, error) {
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	user := ""
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, authority = authority[:i+1], authority[i+1:]
	}
	sentinels, err := hostPorts(authority, "26379")
	if err != nil {
		return address{}, err
	}
	u, err := url.Parse("redis://" + user + "sentinel" + tail)
	if err != nil {
		return address{}, errors.New("the address of Redis is not well formed, want redis+sentinel://[user:password@]host:port[,host:port]/db?master=name")
	}
	query := u.Query()
	for key := range query {
		if key != "master" && key != "sentinel_username" && key != "sentinel_password" {
			return address{}, fmt.Errorf("the address of Redis has the parameter %.40q, want master, sentinel_username or sentinel_password", key)
		}
	}
	if query.Get("master") == "" {
		return address{}, errors.New("the address of Redis names sentinels, but not what they watch: add ?master=name")
	}
	u.Scheme, u.RawQuery = scheme, ""
	o, err := redis.ParseURL(u.String()) // for user, password, number and TLS
	if err != nil {
		return address{}, errors.New("the address of Redis is not well formed: its path must be a database number")
	}
	setUp(o)
	if o.TLSConfig != nil {
		o.TLSConfig.ServerName = "" // each server answers by its own name
	}
	return address{failover: &redis.FailoverOptions{
		MasterName: query.Get("master"), SentinelAddrs: sentinels,
		SentinelUsername: query.Get("sentinel_username"), SentinelPassword: query.Get("sentinel_password"),
		Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
		MaxRetries: o.MaxRetries, DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		ContextTimeoutEnabled: true, PoolSize: o.PoolSize, DisableIdentity: true,
	}}, nil
}

// hostPorts splits a list of addresses; one without a port gets the usual.
func hostPorts(list, port string) ([]string, error) {
	all := strings.Split(list, ",")
	for i, a := range all {
		if _, _, err := net.SplitHostPort(a); err != nil {
			a = net.JoinHostPort(strings.Trim(a, "[]"), port)
		}
		if host, port, err := net.SplitHostPort(a); err != nil || host == "" || port == "" {
			return nil, errors.New("the address of Redis names a sentinel without a host")
		}
		all[i] = a
	}
	return all, nil
}

// setUp sets what the engine relies on and what the URL leaves open. The client
// repeats nothing by itself: whether a write may be repeated is for the caller.
func setUp(o *redis.Options) {
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.DialTimeout, dialWithin)
	set(&o.ReadTimeout, answerWithin)
	set(&o.WriteTimeout, answerWithin)
	if o.PoolSize == 0 {
		o.PoolSize = connections
	}
}

// client opens a pool of connections, none of them yet.
func (a address) client() *redis.Client {
	if a.failover != nil {
		o := *a.failover
		return redis.NewFailoverClient(&o)
	}
	o := *a.single
	return redis.NewClient(&o)
}

// SilenceDriver keeps the Redis driver from writing log lines of its own to
// standard error, for the whole program. What goes wrong comes back as errors.
func SilenceDriver() { logging.Disable() }
