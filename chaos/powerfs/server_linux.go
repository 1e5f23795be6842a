package powerfs

import (
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// forever is how long the kernel may keep names and attributes: nothing changes
// but through it.
const forever = 24 * time.Hour

// server answers the kernel's requests. The kernel keeps what it read and wrote
// in its page cache, so shared mappings work, but it hands every write on
// before the write returns.
type server struct {
	fuse.RawFileSystem // answers ENOSYS to all else

	disk *Disk

	mu       sync.Mutex
	nodes    map[uint64]*node // those that the kernel knows, by ID
	listings map[uint64][]fuse.DirEntry
	last     uint64 // the newest listing
}

func newServer(d *Disk) *server {
	return &server{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: d,
		nodes: make(map[uint64]*node), listings: make(map[uint64][]fuse.DirEntry),
	}
}

func (s *server) String() string { return "powerfs" }

// node is the node that the kernel knows by an ID.
func (s *server) node(id uint64) *node {
	if id == fuse.FUSE_ROOT_ID {
		return s.disk.root
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[id]
}

// tell describes a node to the kernel, which knows it from then on.
func (s *server) tell(n *node, out *fuse.EntryOut) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[n.id] = n
	n.known++
	out.NodeId = n.id
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
	n.describe(&out.Attr)
}

// Forget is told how many times of those that the kernel was told of a node it
// has forgotten.
func (s *server) Forget(id, times uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[id]
	if n == nil {
		return
	}
	if n.known -= min(times, n.known); n.known == 0 {
		delete(s.nodes, id)
	}
}

// describe fills in what stat tells.
func (n *node) describe(out *fuse.Attr) {
	*out = fuse.Attr{
		Ino: n.id, Mode: n.mode, Nlink: 1, Blksize: 4096,
		Owner: fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())},
	}
	if n.file != nil {
		out.Size = uint64(len(n.file.data))
		out.Blocks = (out.Size + SectorSize - 1) / SectorSize
	}
	out.SetTimes(&n.mtime, &n.mtime, &n.mtime)
}

// StatFs answers that there is room.
func (s *server) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	return fuse.Status(s.disk.look(func() syscall.Errno {
		*out = fuse.StatfsOut{Blocks: 1 << 30, Bfree: 1 << 29, Bavail: 1 << 29, Files: 1 << 20, Ffree: 1 << 19, Bsize: 4096, Frsize: 4096, NameLen: maxName}
		return 0
	}))
}

// GetAttr is stat.
func (s *server) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := s.node(in.NodeId)
	return fuse.Status(s.disk.look(func() syscall.Errno {
		if n == nil {
			return syscall.ESTALE
		}
		out.SetTimeout(forever)
		n.describe(&out.Attr)
		return 0
	}))
}

// SetAttr is truncate, chmod and utimes; owners stay as they are.
func (s *server) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := s.node(in.NodeId)
	set := func() syscall.Errno {
		if n == nil {
			return syscall.ESTALE
		}
		if mode, ok := in.GetMode(); ok {
			n.mode = n.mode&syscall.S_IFMT | mode
		}
		if at, ok := in.GetMTime(); ok {
			n.mtime = at
		}
		if size, ok := in.GetSize(); ok {
			if n.file == nil {
				return syscall.EISDIR
			}
			if size > maxFile {
				return syscall.EFBIG
			}
			n.file.resize(int64(size))
			n.mtime = time.Now()
		}
		out.SetTimeout(forever)
		n.describe(&out.Attr)
		return 0
	}
	if _, ok := in.GetSize(); !ok {
		return fuse.Status(s.disk.look(set)) // modes and times are not part of what a cut can lose
	}
	return fuse.Status(s.disk.change(Resized, set))
}

// Open opens a file. The page cache stays valid from one opening to the next.
func (s *server) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	n := s.node(in.NodeId)
	if n == nil {
		return fuse.Status(syscall.ESTALE)
	}
	if in.Flags&syscall.O_TRUNC == 0 {
		return fuse.Status(s.disk.look(func() syscall.Errno { return 0 }))
	}
	return fuse.Status(s.disk.change(Resized, func() syscall.Errno {
		n.file.resize(0)
		return 0
	}))
}

// Read reads from a file.
func (s *server) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n := s.node(in.NodeId)
	var b []byte
	errno := s.disk.look(func() syscall.Errno {
		if n == nil || n.file == nil {
			return syscall.ESTALE
		}
		b = n.file.read(int64(in.Offset), buf)
		return 0
	})
	return fuse.ReadResultData(b), fuse.Status(errno)
}

// Write writes to a file.
func (s *server) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n := s.node(in.NodeId)
	errno := s.disk.change(Written, func() syscall.Errno {
		switch {
		case n == nil || n.file == nil:
			return syscall.ESTALE
		case in.Offset > maxFile || in.Offset+uint64(len(data)) > maxFile:
			return syscall.EFBIG
		}
		n.file.write(int64(in.Offset), data)
		n.mtime = time.Now()
		return 0
	})
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	return uint32(len(data)), fuse.OK
}

// Flush is called at each close, which makes nothing durable.
func (s *server) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status {
	return fuse.Status(s.disk.look(func() syscall.Errno { return 0 }))
}

// Fsync makes a file durable.
func (s *server) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return s.sync(in.NodeId)
}

// FsyncDir makes the entries of a directory durable.
func (s *server) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return s.sync(in.NodeId)
}

func (s *server) sync(id uint64) fuse.Status {
	n := s.node(id)
	return fuse.Status(s.disk.change(Synced, func() syscall.Errno {
		switch {
		case n == nil:
			return syscall.ESTALE
		case n.file != nil:
			return s.disk.syncFile(n.file)
		default:
			n.dir.sync()
		}
		return 0
	}))
}

// OpenDir begins a listing: what the directory holds now.
func (s *server) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := s.node(in.NodeId)
	var listing []fuse.DirEntry
	errno := s.disk.look(func() syscall.Errno {
		if n == nil || n.dir == nil {
			return syscall.ENOTDIR
		}
		for _, name := range slices.Sorted(maps.Keys(n.dir.entries)) {
			child := n.dir.entries[name]
			listing = append(listing, fuse.DirEntry{Name: name, Mode: child.mode, Ino: child.id})
		}
		return 0
	})
	if errno != 0 {
		return fuse.Status(errno)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.listings[s.last] = listing
	out.Fh = s.last
	return fuse.OK
}

// ReadDir answers a part of a listing.
func (s *server) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	s.mu.Lock()
	listing := s.listings[in.Fh]
	s.mu.Unlock()
	for i := in.Offset; i < uint64(len(listing)); i++ {
		if !out.AddDirEntry(listing[i]) {
			break
		}
	}
	return fuse.OK
}

// ReleaseDir ends a listing.
func (s *server) ReleaseDir(in *fuse.ReleaseIn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listings, in.Fh)
}
