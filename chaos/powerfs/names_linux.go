package powerfs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// maxName is the longest name in bytes.
const maxName = 255

// Lookup finds a name in a directory.
func (s *server) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent := s.node(in.NodeId)
	return fuse.Status(s.disk.look(func() syscall.Errno {
		n, errno := parent.child(name)
		if errno == 0 {
			s.tell(n, out)
		}
		return errno
	}))
}

// child finds a name in a directory.
func (n *node) child(name string) (*node, syscall.Errno) {
	if n == nil {
		return nil, syscall.ESTALE
	}
	if n.dir == nil {
		return nil, syscall.ENOTDIR
	}
	if len(name) > maxName {
		return nil, syscall.ENAMETOOLONG
	}
	child := n.dir.entries[name]
	if child == nil {
		return nil, syscall.ENOENT
	}
	return child, 0
}

// make gives a new node a name in a directory.
func (s *server) make(id uint64, name string, mode uint32, out *fuse.EntryOut) fuse.Status {
	parent := s.node(id)
	return fuse.Status(s.disk.change(Made, func() syscall.Errno {
		switch _, errno := parent.child(name); errno {
		case syscall.ENOENT:
		case 0:
			return syscall.EEXIST
		default:
			return errno
		}
		n := s.disk.node(mode)
		parent.dir.set(s.disk.operation(), name, n)
		s.tell(n, out)
		return 0
	}))
}

// Create makes and opens a file.
func (s *server) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return s.make(in.NodeId, name, syscall.S_IFREG|in.Mode&0o7777, &out.EntryOut)
}

// Mkdir makes a directory.
func (s *server) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return s.make(in.NodeId, name, syscall.S_IFDIR|in.Mode&0o7777, out)
}

// Unlink removes the name of a file. Who has it open can go on.
func (s *server) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return s.remove(in.NodeId, name, func(n *node) syscall.Errno {
		if n.dir != nil {
			return syscall.EISDIR
		}
		return 0
	})
}

// Rmdir removes an empty directory.
func (s *server) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return s.remove(in.NodeId, name, (*node).removable)
}

// removable says why a directory cannot go.
func (n *node) removable() syscall.Errno {
	switch {
	case n.dir == nil:
		return syscall.ENOTDIR
	case len(n.dir.entries) > 0:
		return syscall.ENOTEMPTY
	default:
		return 0
	}
}

func (s *server) remove(id uint64, name string, check func(*node) syscall.Errno) fuse.Status {
	parent := s.node(id)
	return fuse.Status(s.disk.change(Removed, func() syscall.Errno {
		n, errno := parent.child(name)
		if errno != 0 {
			return errno
		}
		if errno := check(n); errno != 0 {
			return errno
		}
		parent.dir.set(s.disk.operation(), name, nil)
		return 0
	}))
}

// Rename gives a node another name, which it takes from whatever has it. The
// kernel checks that no directory becomes its own child.
func (s *server) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	from, to := s.node(in.NodeId), s.node(in.Newdir)
	return fuse.Status(s.disk.change(Renamed, func() syscall.Errno {
		if in.Flags != 0 {
			return syscall.EINVAL
		}
		n, errno := from.child(oldName)
		if errno != 0 {
			return errno
		}
		switch old, errno := to.child(newName); {
		case errno == syscall.ENOENT || old == n:
		case errno != 0:
			return errno
		case n.dir == nil && old.dir != nil:
			return syscall.EISDIR
		case n.dir != nil:
			if errno := old.removable(); errno != 0 {
				return errno
			}
		}
		op := s.disk.operation()
		from.dir.set(op, oldName, nil)
		to.dir.set(op, newName, n)
		return 0
	}))
}
