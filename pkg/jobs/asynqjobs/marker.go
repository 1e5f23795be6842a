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

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// markerFile names the store that a directory of documents belongs to.
const markerFile = "sluice-documents"

// markerText comes before the store's ID in the file, for people who find it.
const markerText = "Documents of the Sluice store "

// How long the first process of a store may take to mark its directory, and how
// often another one looks.
const (
	markWithin = 10 * time.Second
	markLook   = 20 * time.Millisecond
)

// openBlobs opens the directory of documents after it has made sure that this
// process sees the same directory as all others of the store: the store's ID in
// Redis and the one in the directory must be equal. The first process makes
// both. With an empty dir there is no directory.
func openBlobs(ctx context.Context, c redis.Cmdable, prefix, dir string, sync bool) (*blobs, error) {
	b := &blobs{dir: dir, sync: sync}
	if dir == "" {
		return b, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of documents: %w", err)
	}
	m := marker{client: c, key: markerKey(prefix), blobs: b, file: filepath.Join(dir, markerFile)}
	if err := m.agree(ctx); err != nil {
		return nil, fmt.Errorf("directory of documents %s: %w", dir, err)
	}
	return b, nil
}

// markerKey is the key of the store's ID in Redis.
func markerKey(prefix string) string { return prefix + "documents" }

// marker is one ID in two places. It is written in three steps, each of which any
// process may find done: Redis is told the intent, the file is made, and Redis
// is told that it is there.
type marker struct {
	client redis.Cmdable
	key    string
	blobs  *blobs
	file   string
}

// agree compares both places and marks them when neither is. Of processes that
// start a new store together one makes the mark and the others wait for it.
func (m marker) agree(ctx context.Context) error {
	deadline := time.NewTimer(2 * markWithin) // one process may have died in its turn
	defer deadline.Stop()
	ticker := time.NewTicker(markLook)
	defer ticker.Stop()
	for {
		done, err := m.look(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("it is not marked within %s: another process is stuck in doing so, or its file %s is damaged", 2*markWithin, markerFile)
		case <-ticker.C:
		}
	}
}

// look answers true when both places agree, false when another process is about
// to mark them.
func (m marker) look(ctx context.Context) (bool, error) {
	// Redis first: its ID is written last, so where it is the file is too.
	kept, err := m.get(ctx, m.key)
	if err != nil {
		return false, err
	}
	found, err := readMark(m.file)
	switch {
	case errors.Is(err, errDamaged) && kept == "":
		return false, nil // it may be half written
	case err != nil:
		return false, err
	case kept == "" && found == "":
		return false, m.make(ctx)
	case kept == "":
		return false, m.finish(ctx, found)
	case kept == found:
		m.blobs.store = kept
		return true, nil
	case found == "":
		return false, fmt.Errorf("it is not marked, but the store's documents are in a directory that is: mount the one that all processes share (its file %s names store %s)",
			markerFile, kept)
	default:
		return false, fmt.Errorf("it belongs to store %s, but this Redis holds store %s", found, kept)
	}
}

func (m marker) get(ctx context.Context, key string) (string, error) {
	value, err := m.client.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("%w: ask Redis for its mark: %w", jobs.ErrUnavailable, err)
	}
	return value, nil
}

// intent is the key of the ID that a process is about to mark both places with.
func (m marker) intent() string { return m.key + ":new" }

// make writes the file with an ID that Redis was told first. Of several
// processes one does. Where files can be lost Redis ends the intent, and the
// next process has its turn.
func (m marker) make(ctx context.Context) error {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	id := hex.EncodeToString(random[:])
	mine, err := m.client.SetNX(ctx, m.intent(), id, markWithin).Result()
	if err != nil {
		return fmt.Errorf("%w: mark the store: %w", jobs.ErrUnavailable, err)
	}
	if !mine {
		return nil
	}
	// Whoever had its turn before may have marked both since we looked.
	if kept, err := m.get(ctx, m.key); err != nil || kept != "" {
		return err
	}
	if err := m.blobs.write(m.file, []byte(markerText+id+"\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// finish writes the ID of the directory into Redis if that was the intent. If
// Redis knows nothing of the ID, it is not this store's.
func (m marker) finish(ctx context.Context, found string) error {
	intent, err := m.get(ctx, m.intent())
	switch {
	case err != nil:
		return err
	case intent == found:
		if err := m.client.SetNX(ctx, m.key, found, 0).Err(); err != nil {
			return fmt.Errorf("%w: mark the store: %w", jobs.ErrUnavailable, err)
		}
		return nil
	case intent != "":
		return nil // a process that had its turn too late; the next look tells
	}
	if kept, err := m.get(ctx, m.key); err != nil || kept != "" {
		return err // finished since we looked
	}
	return fmt.Errorf("it belongs to store %s, but this Redis holds none: it is another Redis, or it has lost its data; "+
		"to start anew, move the directory away", found)
}

// errDamaged marks a marker file that does not hold an ID.
var errDamaged = fmt.Errorf("its file %s is damaged", markerFile)

// check makes sure that the directory is still the one it was at the start. A
// network file system that is not mounted any more leaves an empty directory of
// this machine's own, in which no other process would find a document.
func (b *blobs) check() error {
	if b.store == "" {
		return nil
	}
	found, err := readMark(filepath.Join(b.dir, markerFile))
	if err == nil && found != b.store {
		err = fmt.Errorf("it is not the one of store %s any more, see whether it is mounted", b.store)
	}
	if err != nil {
		return fmt.Errorf("%w: directory of documents %s: %w", jobs.ErrUnavailable, b.dir, err)
	}
	return nil
}

// readMark answers the ID in a directory's file, or nothing.
func readMark(file string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id, ok := strings.CutPrefix(strings.TrimSpace(string(text)), markerText)
	if raw, err := hex.DecodeString(id); !ok || err != nil || len(raw) != 16 {
		return "", errDamaged
	}
	return id, nil
}
