package asynqjobs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheAddressOfRedisIsRead(t *testing.T) {
	t.Parallel()
	type view struct {
		Network, Addr, User, Password string
		DB                            int
		TLS                           bool
	}
	for raw, want := range map[string]view{
		"redis://127.0.0.1:6379":         {Network: "tcp", Addr: "127.0.0.1:6379"},
		"redis://host":                   {Network: "tcp", Addr: "host:6379"},
		"redis://u:p%40ss@host:1/3":      {Network: "tcp", Addr: "host:1", User: "u", Password: "p@ss", DB: 3},
		"rediss://host:1":                {Network: "tcp", Addr: "host:1", TLS: true},
		"unix:///run/redis.sock?db=2":    {Network: "unix", Addr: "/run/redis.sock", DB: 2},
		"redis://[::1]:7/0?pool_size=12": {Network: "tcp", Addr: "[::1]:7"},
	} {
		a, err := parseURL(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		o := a.single
		got := view{o.Network, o.Addr, o.Username, o.Password, o.DB, o.TLSConfig != nil}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", raw, diff)
		}
		if o.MaxRetries != -1 || !o.ContextTimeoutEnabled {
			t.Errorf("%s: the client repeats calls or ignores deadlines", raw)
		}
	}
}

func TestTheAddressOfSentinelsIsRead(t *testing.T) {
	t.Parallel()
	a, err := parseURL("rediss+sentinel://u:p@a:1,b,[::1]:3,[::2]/4?master=main&sentinel_username=su&sentinel_password=sp")
	if err != nil {
		t.Fatal(err)
	}
	o := a.failover
	if diff := cmp.Diff([]string{"a:1", "b:26379", "[::1]:3", "[::2]:26379"}, o.SentinelAddrs); diff != "" {
		t.Error(diff)
	}
	got := []string{o.MasterName, o.Username, o.Password, o.SentinelUsername, o.SentinelPassword}
	if diff := cmp.Diff([]string{"main", "u", "p", "su", "sp"}, got); diff != "" {
		t.Error(diff)
	}
	if o.DB != 4 || o.TLSConfig == nil || o.TLSConfig.ServerName != "" || o.MaxRetries != -1 {
		t.Errorf("got db %d, TLS %v", o.DB, o.TLSConfig)
	}
}

// hostile addresses must give an error that shows nothing of a password.
var hostile = []string{
	"", "canary", "redis:", "http://x:canary@host", "redis://u:canary@ho st:1", "redis://:canary@host:1/x", "redis://:canary@host/%zz",
	"redis://u:canary@host?nonsense=1", "redis+sentinel://u:canary@a", "redis+sentinel://u:canary@a/x?master=m", "redis+sentinel://u:canary@?master=m",
	"redis+sentinel://u:canary@a,,b?master=m", "redis+sentinel://u:canary@a?master=m&canary2=1", "redis+sentinel://u:can%ary@a?master=m",
}

func TestAMalformedAddressIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, raw := range hostile {
		_, err := parseURL(raw)
		if err == nil {
			t.Errorf("%q is taken", raw)
			continue
		}
		if strings.Contains(strings.ReplaceAll(err.Error(), "canary2", ""), "canary") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, raw := range hostile {
		f.Add(raw)
	}
	f.Add("redis+sentinel://u:p@a:1,b,[::1]:3/4?master=main&sentinel_password=sp")
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := parseURL(raw)
		if err != nil {
			return
		}
		if (a.single == nil) == (a.failover == nil) {
			t.Fatalf("%q gives neither or both", raw)
		}
		if err := a.client().Close(); err != nil {
			t.Fatal(err)
		}
	})
}
