package powerfs

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Contents returns what programs see: the bytes of all files by slash-separated
// path, and nil for directories, whose paths end with a slash.
func (d *Disk) Contents() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make(map[string][]byte)
	d.root.collect(found, "")
	return found
}

func (n *node) collect(into map[string][]byte, at string) {
	if n.file != nil {
		into[at] = append([]byte{}, n.file.data...)
		return
	}
	if at != "" {
		at += "/"
		into[at] = nil
	}
	for name, child := range n.dir.entries {
		child.collect(into, at+name)
	}
}

// WriteTo writes all files and directories, as programs see them, into dir,
// which must be there.
func (d *Disk) WriteTo(dir string) error {
	found := d.Contents()
	for _, path := range slices.Sorted(maps.Keys(found)) { // a directory comes before what is in it
		at := filepath.Join(dir, filepath.FromSlash(path))
		var err error
		if strings.HasSuffix(path, "/") {
			err = os.Mkdir(at, 0o700)
		} else {
			err = os.WriteFile(at, found[path], 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
