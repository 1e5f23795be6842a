package asynqjobs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

func largeDocument() []byte { return bytes.Repeat([]byte("x"), blobThreshold+1) }

func TestALargeDocumentIsAFileAndASmallOneIsNot(t *testing.T) {
	t.Parallel()
	b := &blobs{dir: t.TempDir(), sync: true}
	name, err := b.put("job_1", largeDocument()[1:])
	if err != nil || name != "" {
		t.Errorf("32 KiB: got %q, %v", name, err)
	}
	name, err = b.put("job_1", largeDocument())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.get(name); err != nil || !bytes.Equal(got, largeDocument()) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if id, err := jobOf(name); err != nil || id != "job_1" {
		t.Errorf("%s is of %q, %v", name, id, err)
	}
	again, err := b.put("job_1", largeDocument())
	if err != nil || again == name {
		t.Errorf("the second file is %q, %v", again, err)
	}
	b.remove(name)
	if _, err := b.get(name); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if _, err := b.get(again); err != nil {
		t.Errorf("the other went too: %v", err)
	}
}

func TestWithoutADirectoryALargeDocumentIsRefused(t *testing.T) {
	t.Parallel()
	b := &blobs{}
	if _, err := b.put("job_1", largeDocument()); !errors.Is(err, ErrNoDirectory) || !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryThatCannotBeWrittenIsUnavailable(t *testing.T) {
	t.Parallel()
	b := &blobs{dir: filepath.Join(t.TempDir(), "gone")}
	if _, err := b.put("job_1", largeDocument()); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// strange names must lead nowhere outside the directory.
var strange = []string{"", ".", "../../etc/passwd", "job_1", "job_1.0123456789abcde", "job_1.0123456789ABCDEF", "a/b.0123456789abcdef", "..0123456789abcdef", "job_1.0123456789abcdeg"}

func TestANameThatIsNoneOfOursIsRefused(t *testing.T) {
	t.Parallel()
	b := &blobs{dir: t.TempDir()}
	for _, name := range strange {
		if _, err := b.get(name); err == nil || errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%q: got %v", name, err)
		}
		b.remove(name)
	}
}

func FuzzJobOf(f *testing.F) {
	f.Add("job_1.0123456789abcdef")
	for _, name := range strange {
		f.Add(name)
	}
	b := &blobs{dir: "/d"}
	f.Fuzz(func(t *testing.T, name string) {
		id, err := jobOf(name)
		if err != nil {
			return
		}
		if !strings.HasPrefix(name, string(id)+".") || filepath.Dir(filepath.Dir(b.path(name))) != "/d" {
			t.Fatalf("%q is of job %q at %s", name, id, b.path(name))
		}
	})
}

func TestASweepRemovesOldFilesThatNoJobHas(t *testing.T) {
	t.Parallel()
	b := &blobs{dir: t.TempDir()}
	put := func(id jobs.ID, age time.Duration) string {
		t.Helper()
		name, err := b.put(id, largeDocument())
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(b.path(name), at, at); err != nil {
			t.Fatal(err)
		}
		return name
	}
	used := map[jobs.ID]string{}
	for i := range sweepBatch + 3 {
		id := jobs.ID("kept_" + strings.Repeat("a", i%40) + string(rune('a'+i/40)))
		used[id] = put(id, 2*time.Hour)
	}
	young := put("young", time.Minute)
	replaced := put("kept_a", 2*time.Hour)
	never := put("never", 2*time.Hour)
	foreign := filepath.Join(b.dir, "ff", "notes.txt")
	if err := errors.Join(os.MkdirAll(filepath.Dir(foreign), 0o700), os.WriteFile(foreign, nil, 0o600), os.Chtimes(foreign, time.Time{}, time.Unix(1, 0))); err != nil {
		t.Fatal(err)
	}
	removed, err := b.sweep(t.Context(), time.Now().Add(-orphanAge), func(_ context.Context, ids []jobs.ID) ([]string, error) {
		if len(ids) > sweepBatch {
			t.Errorf("asked about %d at once", len(ids))
		}
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = used[id]
		}
		return names, nil
	})
	if err != nil || removed != 2 {
		t.Errorf("removed %d, %v", removed, err)
	}
	for _, name := range []string{replaced, never} {
		if _, err := b.get(name); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range used {
		if _, err := b.get(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.get(young); err != nil {
		t.Errorf("the young file: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is not ours: %v", err)
	}
}

// A directory that is not mounted any more is an empty one of this machine.
func TestADirectoryThatIsNotMountedAnyMoreIsUnavailable(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t, redistest.Settings{}).URL())
	dir := filepath.Join(t.TempDir(), "documents")
	b, err := openBlobs(t.Context(), conn, "p:", dir, false)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := b.put("job_1", largeDocument())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(dir, dir+".mounted"), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	none := func(_ context.Context, ids []jobs.ID) ([]string, error) { return make([]string, len(ids)), nil }
	if name, err := b.put("job_2", largeDocument()); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("put: %q, %v", name, err)
	}
	if _, err := b.get(kept); !errors.Is(err, jobs.ErrUnavailable) || errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if _, err := b.sweep(t.Context(), time.Now(), none); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("sweep: %v", err)
	}
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".mounted", dir)); err != nil {
		t.Fatal(err)
	}
	if got, err := b.get(kept); err != nil || !bytes.Equal(got, largeDocument()) {
		t.Errorf("mounted again: %d bytes, %v", len(got), err)
	}
}

// A Redis that came back without its data knows of no job, and its files must be
// there for when the data is back.
func TestFilesOutliveARedisThatLostItsData(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	conn := dial(t, r.URL())
	e, err := Open(t.Context(), Config{URL: r.URL(), Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	body := largeDocument()
	_, err = e.Accept(t.Context(), []jobs.Submission{{
		ID: "job_1", Tenant: "acme", Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "p", DeadlineAt: time.Now().Add(time.Hour),
		Document: jobs.Document{Size: int64(len(body))}, Body: body,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.blobs.put("never", body); err != nil {
		t.Fatal(err)
	}
	sweep := func() (int, error) { return e.blobs.sweep(t.Context(), time.Now().Add(time.Hour), e.currentFiles) }
	mark := conn.Get(t.Context(), markerKey(e.cfg.Prefix)).Val()
	job, err := conn.HGetAll(t.Context(), e.jobKey("job_1")).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if removed, err := sweep(); err == nil || !strings.Contains(err.Error(), mark) || removed != 0 {
		t.Errorf("without the data: removed %d, %v", removed, err)
	}
	if err := errors.Join(conn.Set(t.Context(), markerKey(e.cfg.Prefix), mark, 0).Err(), conn.HSet(t.Context(), e.jobKey("job_1"), job).Err()); err != nil {
		t.Fatal(err)
	}
	if removed, err := sweep(); err != nil || removed != 1 {
		t.Errorf("with the data: removed %d, %v", removed, err)
	}
	if got, err := e.Document(t.Context(), "acme", "job_1"); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestProcessesThatStartTogetherAgreeOnTheDirectory(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t, redistest.Settings{}).URL())
	dir := filepath.Join(t.TempDir(), "a", "documents")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := openBlobs(t.Context(), conn, "p:", dir, true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	id := conn.Get(t.Context(), "p:documents").Val()
	text, err := os.ReadFile(filepath.Join(dir, markerFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(markerText+id+"\n", string(text)); diff != "" || len(id) != 32 {
		t.Error(diff)
	}
}

func TestADirectoryThatIsNotTheSharedOneIsRefused(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t, redistest.Settings{}).URL())
	open := func(prefix, dir string) error {
		_, err := openBlobs(t.Context(), conn, prefix, dir, false)
		return err
	}
	shared, other := t.TempDir(), t.TempDir()
	for _, at := range []struct{ prefix, dir string }{{"p:", shared}, {"q:", other}, {"p:", shared}} {
		if err := open(at.prefix, at.dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ prefix, dir, want string }{
		"a directory of its own":   {"p:", t.TempDir(), "mount the one that all processes share"},
		"another store's":          {"p:", other, "but this Redis holds store"},
		"a Redis without the data": {"r:", shared, "this Redis holds none"},
	} {
		if err := open(c.prefix, c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(shared, markerFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open("p:", shared); !errors.Is(err, errDamaged) {
		t.Errorf("damaged: got %v", err)
	}
	if err := open("p:", ""); err != nil {
		t.Errorf("none at all: %v", err)
	}
}

func TestAProcessThatDiedWhileItMarkedIsReplaced(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t, redistest.Settings{}).URL())
	id := strings.Repeat("ab", 16)
	for name, died := range map[string]func(m marker) error{
		"before the file": func(m marker) error {
			return conn.SetNX(t.Context(), m.intent(), id, 300*time.Millisecond).Err()
		},
		"after the file": func(m marker) error {
			return errors.Join(conn.SetNX(t.Context(), m.intent(), id, time.Minute).Err(), m.blobs.write(m.file, []byte(markerText+id+"\n")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &blobs{dir: t.TempDir()}
			m := marker{client: conn, key: name, blobs: b, file: filepath.Join(b.dir, markerFile)}
			if err := died(m); err != nil {
				t.Fatal(err)
			}
			if err := m.agree(t.Context()); err != nil {
				t.Fatal(err)
			}
			if kept := conn.Get(t.Context(), m.key).Val(); name == "after the file" && kept != id {
				t.Errorf("got %q", kept)
			}
		})
	}
}

func TestAMarkIsNotMadeWithoutRedis(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Settings{})
	s.Kill(t)
	dir := t.TempDir()
	var conn redis.Cmdable = dial(t, s.URL())
	if _, err := openBlobs(t.Context(), conn, "p:", dir, false); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, markerFile)); err == nil {
		t.Error("the directory is marked")
	}
}
