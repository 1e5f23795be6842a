package powerfs

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"path"
	"slices"
)

// Losses says what was at stake in a cut and what of it was lost.
type Losses struct {
	// Entries counts the names made, removed and renamed that were not
	// fsynced, and EntriesLost those of them that are not on the disk.
	Entries, EntriesLost int
	// Files has a line for each file with bytes that were not fsynced, in the
	// order of their paths. Files whose names are lost are not among them.
	Files []FileLosses
}

// FileLosses says the same of one file.
type FileLosses struct {
	// Path is slash-separated and relative to the disk.
	Path string
	// Sectors counts the sectors written since the last fsync, and SectorsLost
	// those of them that do not hold what was written last.
	Sectors, SectorsLost int
	// Writes counts the writes since then, and Torn those of which some
	// sectors landed and some did not.
	Writes, Torn int
}

// Cut turns the power off, if it is on, and returns the disk as one may find it
// when the power is back. The same seed on the same disk gives the same.
func (d *Disk) Cut(seed uint64) (*Disk, Losses) {
	d.PowerOff()
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &cutter{
		random: rand.New(rand.NewPCG(seed, 0)), after: New(),
		found: make(map[*node]*node), landed: make(map[uint64]bool),
	}
	c.found[d.root] = c.after.root
	c.fill(c.after.root.dir, d.root.dir, "")
	return c.after, c.losses
}

// cutter makes a disk out of what another one holds.
type cutter struct {
	random *rand.Rand
	after  *Disk
	found  map[*node]*node
	landed map[uint64]bool // operations on directories
	losses Losses
}

// luck is the share of what is not durable that lands nevertheless. All and
// nothing are as likely as something in between.
func (c *cutter) luck() float64 {
	switch c.random.IntN(4) {
	case 0:
		return 0
	case 1:
		return 1
	default:
		return c.random.Float64()
	}
}

// fill makes the entries of a directory.
func (c *cutter) fill(into, from *dir, at string) {
	held := c.entries(from)
	for _, name := range slices.Sorted(maps.Keys(held)) {
		n := held[name]
		child := c.found[n]
		switch {
		case child == nil:
			child = c.copy(n, path.Join(at, name))
		case n.dir != nil:
			continue // moved, and its old name did not go; a directory has one name
		}
		into.entries[name], into.durable[name] = child, child
	}
}

func (c *cutter) entries(d *dir) map[string]*node {
	luck := c.luck()
	held := maps.Clone(d.durable)
	for _, e := range d.log {
		lands, known := c.landed[e.op]
		if !known {
			lands = c.random.Float64() < luck
			c.landed[e.op] = lands
		}
		c.losses.Entries++
		if !lands {
			c.losses.EntriesLost++
			continue
		}
		e.apply(held)
	}
	return held
}

// copy makes a node that holds what n holds on the disk.
func (c *cutter) copy(n *node, at string) *node {
	child := c.after.node(n.mode)
	child.mtime = n.mtime
	c.found[n] = child
	if n.dir != nil {
		c.fill(child.dir, n.dir, at)
		return child
	}
	p := platter{random: c.random, luck: c.luck(), frozen: math.MaxInt64, now: bytes.Clone(n.file.durable)}
	p.held, p.size = bytes.Clone(p.now), int64(len(p.now))
	p.shrinks = p.landing(n.file.shrinks())
	losses := p.play(n.file.log)
	if losses.Path = at; losses.Writes > 0 {
		c.losses.Files = append(c.losses.Files, losses)
	}
	child.file.data = p.held
	child.file.durable = bytes.Clone(p.held)
	return child
}

// platter is a file on its way to the disk.
type platter struct {
	random *rand.Rand
	luck   float64
	now    []byte // as programs see the file
	held   []byte // what landed
	size   int64  // the size that landed
	// shrinks is how many smaller sizes are still to land.
	shrinks int
	// frozen is where the old bytes begin that the file should have lost, so
	// that nothing newer can be in their place.
	frozen int64
}

func (p *platter) lands() bool { return p.random.Float64() < p.luck }

// landing is how many of n changes land when none does after one that did not.
func (p *platter) landing(n int) int {
	for i := range n {
		if !p.lands() {
			return i
		}
	}
	return n
}

// play lets each change land or not.
func (p *platter) play(log []change) (l FileLosses) {
	touched := make(map[int64]bool)
	for _, c := range log {
		before := int64(len(p.now))
		p.now = c.apply(p.now)
		if c.resizes() && c.off < before {
			p.shrink(c.off)
			continue
		}
		if !c.resizes() {
			l.Writes++
			first, last := c.off/SectorSize, (c.off+int64(len(c.data))-1)/SectorSize
			if landed := p.write(first, last); landed > 0 && landed <= last-first {
				l.Torn++
			}
			for s := first; s <= last; s++ {
				touched[s] = true
			}
		}
		if size := int64(len(p.now)); size > before && p.frozen == math.MaxInt64 && p.lands() {
			p.size = size
		}
	}
	p.held = resized(p.held, p.size)
	l.Sectors = len(touched)
	for s := range touched {
		if !bytes.Equal(sector(p.now, s), sector(p.held, s)) {
			l.SectorsLost++
		}
	}
	return l
}

// shrink lets a smaller size land when its turn is not over.
func (p *platter) shrink(size int64) {
	if p.shrinks == 0 {
		p.frozen = min(p.frozen, size)
		return
	}
	p.shrinks--
	p.size = size
	if size < int64(len(p.held)) {
		p.held = p.held[:size]
	}
}

// write lets some of the sectors from first to last land and counts them.
func (p *platter) write(first, last int64) (landed int64) {
	for s := first; s <= last; s++ {
		if !p.lands() || (s+1)*SectorSize > p.frozen {
			continue
		}
		landed++
		b := sector(p.now, s)
		if end := s*SectorSize + int64(len(b)); end > int64(len(p.held)) {
			p.held = resized(p.held, end)
		}
		copy(p.held[s*SectorSize:], b)
	}
	return landed
}

// sector is what of sector s is inside the file b.
func sector(b []byte, s int64) []byte {
	from := min(s*SectorSize, int64(len(b)))
	return b[from:min(from+SectorSize, int64(len(b)))]
}
