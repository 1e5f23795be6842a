package sqlitejobs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// blobs are the documents that are too large for a row, each a file of its own
// with a random name. No two jobs share a file, so one goes with its job and
// no count of users can be wrong. Files are made, with their bytes and their
// names on disk, before the commit that refers to them.
type blobs struct {
	dir  string
	sync bool

	mu   sync.Mutex
	made [256]bool // the folders known to be there
	// open are the files that were written here and whose commit is not known
	// to have happened or not. Among them are doubts, those whose commit failed.
	open   map[string]struct{}
	doubts []string
}

func newBlobs(dir string, sync bool) *blobs {
	return &blobs{dir: dir, sync: sync, open: make(map[string]struct{})}
}

// write keeps b in a new file and returns its name. The file is open until it
// is settled or removed.
func (s *blobs) write(b []byte) (name string, err error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	name = hex.EncodeToString(id[:])
	s.mu.Lock()
	s.open[name] = struct{}{} // before anybody can find it
	s.mu.Unlock()
	if err := s.make(id[0], name, b); err != nil {
		s.settle(name)
		return "", err
	}
	return name, nil
}

// make makes the file, or leaves none.
func (s *blobs) make(first byte, name string, b []byte) error {
	folder, err := s.folder(first, name)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && s.sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && s.sync {
		err = syncDir(folder)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// folder is where files with names that begin with first are; it makes it.
func (s *blobs) folder(first byte, name string) (string, error) {
	folder := filepath.Join(s.dir, name[:2])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made[first] {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	if s.sync {
		if err := errors.Join(syncDir(s.dir), syncDir(filepath.Dir(s.dir))); err != nil {
			return "", err
		}
	}
	s.made[first] = true
	return folder, nil
}

func (s *blobs) path(name string) (string, error) {
	if len(name) != 32 {
		return "", fmt.Errorf("the name of a document's file has %d characters", len(name))
	}
	return filepath.Join(s.dir, name[:2], name), nil
}

func (s *blobs) read(name string) ([]byte, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// remove deletes a file that no job refers to. What cannot be deleted now the
// next start finds.
func (s *blobs) remove(name string) {
	if path, err := s.path(name); err == nil {
		_ = os.Remove(path)
	}
	s.settle(name)
}

// settle ends the time in which a file is open: its commit is durable, or the
// file is gone.
func (s *blobs) settle(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name)
}

// doubt notes a file whose commit failed. The store may still hold the commit,
// and find it after a crash, until another commit is durable.
func (s *blobs) doubt(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = append(s.doubts, name)
}

// takeDoubts hands out what doubt noted.
func (s *blobs) takeDoubts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.doubts
	s.doubts = nil
	return names
}

func (s *blobs) isOpen(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.open[name]
	return ok
}

// settled calls f with the name of each file that is not open, until f returns
// false.
func (s *blobs) settled(f func(name string) bool) {
	folders, _ := os.ReadDir(s.dir) // without a folder there are no files
	for _, folder := range folders {
		files, _ := os.ReadDir(filepath.Join(s.dir, folder.Name()))
		for _, file := range files {
			if !file.Type().IsRegular() || len(file.Name()) != 32 || s.isOpen(file.Name()) {
				continue
			}
			if !f(file.Name()) {
				return
			}
		}
	}
}
