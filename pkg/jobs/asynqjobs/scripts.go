package asynqjobs

import (
	"context"
	"embed"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

// source is the text of a script: the prefix of all keys, then the libraries it
// is built on, then the script itself.
func source(files ...string) string {
	var b strings.Builder
	b.WriteString("local P = KEYS[1]\n")
	for _, name := range files {
		text, err := sources.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic("asynqjobs: " + err.Error()) // the file is part of the program
		}
		b.Write(text)
	}
	return b.String()
}

// scripts are all scripts, by what they do.
type scripts struct {
	accept, lend, leave, attempts, extend, commit, record, remove, tenants, boot, tick, stats, confirm *redis.Script
}

func newScripts() scripts {
	plain := func(name ...string) *redis.Script {
		return redis.NewScript(source(append([]string{"base", "lib"}, name...)...))
	}
	scheduling := func(name ...string) *redis.Script {
		return redis.NewScript(source(append([]string{"base", "sched", "lib"}, name...)...))
	}
	return scripts{
		accept:   scheduling("accept"),
		lend:     scheduling("lend"),
		leave:    plain("leave"),
		attempts: plain("attempts"),
		extend:   plain("extend"),
		commit:   scheduling("record_lib", "commit"),
		record:   plain("record_lib", "record"),
		remove:   plain("remove"),
		tenants:  scheduling("tenants"),
		boot:     scheduling("boot"),
		tick:     plain("tick"),
		stats:    plain("stats"),
		confirm:  redis.NewScript(source("confirm")),
	}
}

// load tells the server all scripts, so that calls need only name them.
func (s *scripts) load(ctx context.Context, c *redis.Conn) error {
	for _, one := range []*redis.Script{
		s.accept, s.lend, s.leave, s.attempts, s.extend, s.commit, s.record, s.remove, s.tenants, s.boot, s.tick, s.stats, s.confirm,
	} {
		// One by one: Load takes the answer for the script's name, and in a
		// pipeline there is none yet.
		if err := one.Load(ctx, c).Err(); err != nil {
			return err
		}
	}
	return nil
}
