package asynqjobs

import (
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
	accept, lend, leave, attempts, extend, commit, record, remove, tenants, boot, tick, stats *redis.Script
}

func newScripts() scripts {
	on := func(libraries ...string) *redis.Script { return redis.NewScript(source(libraries...)) }
	return scripts{
		accept:   on("sched", "lib", "accept"),
		lend:     on("sched", "lib", "lend"),
		leave:    on("lib", "leave"),
		attempts: on("lib", "attempts"),
		extend:   on("lib", "extend"),
		commit:   on("sched", "lib", "record_lib", "commit"),
		record:   on("lib", "record_lib", "record"),
		remove:   on("sched", "lib", "remove"),
		tenants:  on("sched", "lib", "tenants"),
		boot:     on("sched", "lib", "boot"),
		tick:     on("lib", "tick"),
		stats:    on("lib", "stats"),
	}
}
