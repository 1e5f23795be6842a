package asynqjobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// blobThreshold is the size in bytes above which a document is a file: Redis
// holds what it has in memory, and copies it to its replicas.
const blobThreshold = 32 << 10

// orphanAge is how old a file must be before it counts as one that no commit
// will refer to any more. A file is written before its commit.
const orphanAge = time.Hour

// ErrNoDirectory refuses a document above 32 KiB where no directory for such is
// configured.
var ErrNoDirectory = fmt.Errorf("%w: documents above %d bytes need a directory that every process reaches, and none is configured", jobs.ErrInvalid, blobThreshold)

// blobs are the documents above [blobThreshold], each a file of its own in a
// directory that all processes of the store share. A file's name begins with
// its job's ID and ends in a part that no other file has, so no two jobs share
// one, and whoever finds a file can ask whether its job still needs it. Files
// are made, with their bytes and names on disk, before the commit that refers
// to them.
type blobs struct {
	dir   string // empty without a directory
	sync  bool   // false leaves out every fsync
	store string // the ID that the directory and Redis carry
}

// put keeps a document and answers the name of its file, or nothing when the
// document is small enough for Redis.
func (b *blobs) put(id jobs.ID, body []byte) (name string, err error) {
	if len(body) <= blobThreshold {
		return "", nil
	}
	if b.dir == "" {
		return "", ErrNoDirectory
	}
	if err := b.check(); err != nil {
		return "", err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	name = string(id) + "." + hex.EncodeToString(random[:])
	if err := b.write(b.path(name), body); err != nil {
		return "", fmt.Errorf("%w: keep the document of job %s: %w", jobs.ErrUnavailable, id, err)
	}
	return name, nil
}

// path spreads the files over 256 folders by their last two characters.
func (b *blobs) path(name string) string {
	return filepath.Join(b.dir, name[len(name)-2:], name)
}

func (b *blobs) write(path string, body []byte) error {
	folder := filepath.Dir(path)
	if err := b.makeFolder(folder); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil && b.sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && b.sync {
		err = syncFolder(folder)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// makeFolder makes a folder whose name is on disk before anything in it.
func (b *blobs) makeFolder(folder string) error {
	err := os.Mkdir(folder, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil && b.sync {
		err = syncFolder(b.dir)
	}
	return err
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// get answers the bytes of a file; [jobs.ErrNotFound] when it is gone, as it is
// after its job was erased.
func (b *blobs) get(name string) ([]byte, error) {
	if _, err := jobOf(name); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(b.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := b.check(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: the document's file", jobs.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("%w: read the document's file: %w", jobs.ErrUnavailable, err)
	}
	return body, nil
}

// remove deletes files that no job refers to any more. What cannot be deleted
// now is found by sweep.
func (b *blobs) remove(names ...string) {
	for _, name := range names {
		if _, err := jobOf(name); err == nil {
			_ = os.Remove(b.path(name))
		}
	}
}

// suffix is how many characters of a file's name follow the job's ID.
const suffix = 1 + 2*8

// jobOf answers the job that a file was written for. A name that is none of
// ours is refused: it may come from a damaged row and lead anywhere.
func jobOf(name string) (jobs.ID, error) {
	if len(name) > suffix {
		id, random := jobs.ID(name[:len(name)-suffix]), name[len(name)-suffix:]
		if _, err := hex.DecodeString(random[1:]); err == nil && random[0] == '.' && strings.ToLower(random) == random && id.Validate() == nil {
			return id, nil
		}
	}
	return "", fmt.Errorf("%.100q does not name the file of a document", name)
}

// sweepBatch is how many files a sweep asks about at once.
const sweepBatch = 256

// sweep removes the files that were written before a time and that no job
// refers to: those of submissions that were never committed, and those whose
// removal failed. current answers the name of the file that each job has now,
// empty for a job without one and for none.
func (b *blobs) sweep(ctx context.Context, before time.Time, current func(context.Context, []jobs.ID) ([]string, error)) (removed int, err error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	folders, err := os.ReadDir(b.dir)
	if err != nil {
		return 0, err
	}
	var names []string
	var ids []jobs.ID
	ask := func() error {
		used, err := current(ctx, ids)
		if err != nil {
			return err
		}
		for i, name := range names {
			if used[i] != name {
				b.remove(name)
				removed++
			}
		}
		names, ids = names[:0], ids[:0]
		return nil
	}
	for _, folder := range folders {
		files, _ := os.ReadDir(filepath.Join(b.dir, folder.Name())) // what is no folder holds no files
		for _, file := range files {
			id, err := jobOf(file.Name())
			if err != nil || filepath.Base(filepath.Dir(b.path(file.Name()))) != folder.Name() {
				continue
			}
			info, err := file.Info()
			if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
				continue
			}
			names, ids = append(names, file.Name()), append(ids, id)
			if len(names) == sweepBatch {
				if err := ask(); err != nil {
					return removed, err
				}
			}
		}
	}
	if len(names) == 0 {
		return removed, nil
	}
	return removed, ask()
}
