package asynqjobs

import "github.com/redis/go-redis/v9"

// maxItems is the most calls that one run of a script takes. Each takes the
// server about a tenth of a millisecond, in which it does nothing else.
const maxItems = 16

// bundle is one run of a script: a call, or several of a script that takes many
// as items. What a script does once a run, such as reading the scheduler's
// state and writing it back, it then does once for all of them.
type bundle struct {
	script *redis.Script
	items  bool
	calls  []*call
	args   []any
}

// bundles puts the calls of a batch into runs. Those of one script stay in
// their order; those of different scripts may change places, since nobody waits
// for one of them to make another.
func bundles(batch []*call) []*bundle {
	var all []*bundle
	open := make(map[*redis.Script]*bundle)
	for _, c := range batch {
		if !c.item {
			all = append(all, &bundle{script: c.script, calls: []*call{c}, args: c.args})
			continue
		}
		b := open[c.script]
		if b == nil || len(b.calls) == maxItems {
			b = &bundle{script: c.script, items: true}
			open[c.script] = b
			all = append(all, b)
		}
		b.calls = append(b.calls, c)
	}
	for _, b := range all {
		if b.items {
			b.args = itemArgs(b.calls)
		}
	}
	return all
}

// itemArgs are the arguments of a run: how many items, and each with the number
// of its arguments before them.
func itemArgs(calls []*call) []any {
	args := []any{len(calls)}
	for _, c := range calls {
		args = append(args, len(c.args))
		args = append(args, c.args...)
	}
	return args
}
