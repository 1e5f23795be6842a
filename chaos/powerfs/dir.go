package powerfs

import "maps"

// dir is the entries of a directory.
type dir struct {
	entries map[string]*node // as programs see them
	durable map[string]*node // as they were at the last fsync
	log     []entry          // what happened since, in order
}

// entry is a name that was given to a node, or that went when node is nil.
type entry struct {
	op   uint64 // the halves of a rename have the same
	name string
	node *node
}

func (e entry) apply(entries map[string]*node) {
	if e.node == nil {
		delete(entries, e.name)
		return
	}
	entries[e.name] = e.node
}

func (d *dir) set(op uint64, name string, n *node) {
	e := entry{op, name, n}
	d.log = append(d.log, e)
	e.apply(d.entries)
}

// sync makes everything durable.
func (d *dir) sync() {
	d.durable = maps.Clone(d.entries)
	d.log = nil
}
