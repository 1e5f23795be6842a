//go:build linux

package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// stopWithin is how long a server may take to end.
const stopWithin = 30 * time.Second

// RedisServer is a running redis-server with nothing in it.
type RedisServer struct {
	*Process
	Addr    string
	Version string
}

// StartRedis runs a redis-server whose append-only file in dir is synced as
// appendFsync says: always or everysec. The file is never rewritten, so that no
// fork falls into a measured round.
func StartRedis(ctx context.Context, binary, dir, appendFsync string) (*RedisServer, error) {
	v, err := version(ctx, binary, "v=")
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // the binary is the one we looked up
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary,
		"--bind", host, "--port", port, "--dir", dir, "--daemonize", "no",
		"--appendonly", "yes", "--appendfsync", appendFsync, "--auto-aof-rewrite-percentage", "0",
		"--save", "", "--maxmemory-policy", "noeviction")
	p, err := Start(cmd, syscall.SIGTERM, stopWithin)
	if err != nil {
		return nil, err
	}
	s := &RedisServer{Process: p, Addr: addr, Version: v}
	if err := waitFor(ctx, p, s.check(appendFsync)); err != nil {
		return nil, err
	}
	return s, nil
}

// check makes a probe that the server answers and is set up as asked.
func (s *RedisServer) check(appendFsync string) func(ctx context.Context) error {
	return func(ctx context.Context) (err error) {
		c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
		defer func() { err = errors.Join(err, c.Close()) }()
		for name, want := range map[string]string{"appendfsync": appendFsync, "appendonly": "yes"} {
			got, err := c.ConfigGet(ctx, name).Result()
			if err != nil {
				return err
			}
			if got[name] != want {
				return fmt.Errorf("%s is %q, want %q", name, got[name], want)
			}
		}
		return nil
	}
}
