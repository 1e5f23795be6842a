package powerfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Mount is a disk that is mounted on a directory.
type Mount struct {
	dir    string
	server *fuse.Server
	serve  sync.WaitGroup
	once   sync.Once
	err    error
}

// Mount mounts the disk on an empty directory. The error says what is missing
// on a machine that cannot do that: it takes root and /dev/fuse.
//
// The program under test must be another process: one that maps a file of its
// own file system can wait for itself.
func (d *Disk) Mount(dir string) (*Mount, error) {
	if err := able(); err != nil {
		return nil, fmt.Errorf("mount powerfs: %w", err)
	}
	s, err := fuse.NewServer(newServer(d), dir, &fuse.MountOptions{
		DirectMountStrict: true, FsName: "powerfs", Name: "powerfs",
		DisableXAttrs: true, DisableReadDirPlus: true, ExplicitDataCacheControl: true,
	})
	if errors.Is(err, syscall.EPERM) {
		return nil, fmt.Errorf("mount powerfs: this process may not mount (CAP_SYS_ADMIN is missing): %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("mount powerfs on %s: %w", dir, errors.Join(err, detached(dir)))
	}
	m := &Mount{dir: dir, server: s}
	m.serve.Go(s.Serve)
	if err := errors.Join(keepFromChildren(), s.WaitMount()); err != nil {
		return nil, fmt.Errorf("mount powerfs on %s: %w", dir, errors.Join(err, m.Unmount()))
	}
	return m, nil
}

// able says what is missing.
func able() error {
	if os.Geteuid() != 0 {
		return errors.New("this takes root (or root in a user namespace of its own: unshare -rm)")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("this takes /dev/fuse (modprobe fuse, or --device /dev/fuse for a container): %w", err)
	}
	return f.Close()
}

// keepFromChildren closes the descriptors of /dev/fuse in programs that this
// process starts, which go-fuse leaves open: a child that held one would keep a
// mount waiting for a server that has died.
func keepFromChildren() error {
	const open = "/proc/self/fd"
	entries, err := os.ReadDir(open)
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		if to, err := os.Readlink(open + "/" + e.Name()); err == nil && to == "/dev/fuse" {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// Unmount ends the mount. Programs that still use it get errors. It is safe to
// call twice.
func (m *Mount) Unmount() error {
	m.once.Do(func() {
		if m.server.Unmount() != nil { // something is still open
			m.err = detached(m.dir)
		}
		m.serve.Wait()
	})
	return m.err
}

// detached takes whatever is mounted on dir away, and fails what waits for it.
func detached(dir string) error {
	err := unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) {
		return nil // nothing is mounted
	}
	return err
}
