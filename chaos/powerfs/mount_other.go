//go:build !linux

package powerfs

import "errors"

// Mount is a disk that is mounted on a directory.
type Mount struct{}

// Mount answers that this system cannot mount the disk.
func (d *Disk) Mount(string) (*Mount, error) {
	return nil, errors.New("mount powerfs: this takes Linux, root and /dev/fuse")
}

// Unmount does nothing.
func (m *Mount) Unmount() error { return nil }
