package powerfs

import (
	"sync"
	"syscall"
	"time"
)

// SectorSize is the size in bytes of what a disk writes wholly or not at all.
const SectorSize = 512

// maxFile is the size in bytes that no file exceeds, so that a mistake of the
// program under test does not take the machine's memory.
const maxFile = 1 << 30

// Disk is a disk in memory. Its methods are safe for concurrent use.
type Disk struct {
	mu   sync.Mutex
	root *node
	last uint64 // the newest node's ID
	ops  uint64 // the newest operation on directories
	off  chan struct{}
	// fuse counts down the changes, of the kinds that count, until the power
	// goes off; 0 means never.
	fuse   int
	counts map[Change]bool // nil means all
	// badSync counts down the fsyncs of files until one fails; 0 means never.
	badSync int
}

// Change is a kind of change of a disk.
type Change string

// The kinds of changes.
const (
	Written Change = "written" // bytes of a file
	Resized Change = "resized" // a file, other than by writing at its end
	Made    Change = "made"    // a file or directory
	Removed Change = "removed" // a name
	Renamed Change = "renamed" // a name
	Synced  Change = "synced"  // a file or directory
)

// New returns an empty disk.
func New() *Disk {
	d := &Disk{off: make(chan struct{})}
	d.root = d.node(syscall.S_IFDIR | 0o755)
	return d
}

// PowerOff lets every later operation on the disk fail with EIO.
func (d *Disk) PowerOff() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.powerOff()
}

func (d *Disk) powerOff() {
	if !d.isOff() {
		close(d.off)
	}
}

func (d *Disk) isOff() bool {
	select {
	case <-d.off:
		return true
	default:
		return false
	}
}

// Off is closed when the power is off.
func (d *Disk) Off() <-chan struct{} { return d.off }

// PowerOffAfter lets the power go off with the n-th change from now, which
// happens but is answered with EIO. With kinds, only changes of these kinds
// count. n must be positive.
func (d *Disk) PowerOffAfter(n int, kinds ...Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fuse, d.counts = n, nil
	if len(kinds) > 0 {
		d.counts = make(map[Change]bool)
	}
	for _, kind := range kinds {
		d.counts[kind] = true
	}
}

// FailSyncAfter lets the n-th fsync of a file from now fail with EIO, and takes
// what it should have made durable for ever from the disk, though not from the
// eyes of programs: that is what Linux does when a page cannot be written.
// Later fsyncs succeed. n must be positive.
func (d *Disk) FailSyncAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.badSync = n
}

// SyncFailed reports whether the fsync of FailSyncAfter has failed.
func (d *Disk) SyncFailed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.badSync < 0
}

// syncFile makes a file durable, or fails.
func (d *Disk) syncFile(f *file) syscall.Errno {
	if d.badSync > 0 {
		if d.badSync--; d.badSync == 0 {
			d.badSync = -1
			f.log = nil
			return syscall.EIO
		}
	}
	f.sync()
	return 0
}

// Bytes is how much all files hold.
func (d *Disk) Bytes() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root.bytes()
}

// change carries out do unless the power is off. do answers 0 when it changed
// something.
func (d *Disk) change(kind Change, do func() syscall.Errno) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isOff() {
		return syscall.EIO
	}
	if errno := do(); errno != 0 {
		return errno
	}
	if d.fuse > 0 && (d.counts == nil || d.counts[kind]) {
		if d.fuse--; d.fuse == 0 {
			d.powerOff()
			return syscall.EIO // nobody is left to hear that it happened
		}
	}
	return 0
}

// look carries out do, which changes nothing, unless the power is off.
func (d *Disk) look(do func() syscall.Errno) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isOff() {
		return syscall.EIO
	}
	return do()
}

// node makes a file or directory without a name.
func (d *Disk) node(mode uint32) *node {
	d.last++
	n := &node{id: d.last, mode: mode, mtime: time.Now()}
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		n.dir = &dir{entries: make(map[string]*node), durable: make(map[string]*node)}
	} else {
		n.file = new(file)
	}
	return n
}

// operation numbers an operation on directories.
func (d *Disk) operation() uint64 {
	d.ops++
	return d.ops
}

// node is a file or a directory, without its name. Exactly one of file and dir
// is set.
type node struct {
	id    uint64
	mode  uint32
	mtime time.Time
	file  *file
	dir   *dir
	// known counts how often the kernel was told of the node; see Forget.
	known uint64
}

func (n *node) bytes() int64 {
	if n.file != nil {
		return int64(len(n.file.data))
	}
	var sum int64
	for _, child := range n.dir.entries {
		sum += child.bytes()
	}
	return sum
}
