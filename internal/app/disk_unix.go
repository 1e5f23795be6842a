//go:build unix

package app

import "golang.org/x/sys/unix"

// diskShare is the used share of the file system that holds dir; 0 when it
// cannot be told.
func diskShare(dir string) float64 {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Blocks == 0 {
		return 0
	}
	usable := fs.Blocks - fs.Bfree + fs.Bavail
	if usable == 0 {
		return 1
	}
	return 1 - float64(fs.Bavail)/float64(usable)
}
