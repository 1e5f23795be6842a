//go:build linux

package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PostgresServer is a running PostgreSQL with an empty database.
type PostgresServer struct {
	*Process
	// URL says how to connect.
	URL     string
	Version string
}

// StartPostgres makes a cluster below dir and runs it, durable as it comes:
// fsync and synchronous_commit stay on. paths are those of postgres and
// initdb. PostgreSQL refuses to run as root, so then it runs as the user
// postgres or nobody, who must be able to reach dir.
func StartPostgres(ctx context.Context, paths []string, dir string) (*PostgresServer, error) {
	postgres, initdb := paths[0], paths[1]
	v, err := version(ctx, postgres, "(PostgreSQL)")
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	data, err := makeCluster(ctx, initdb, dir, password, who)
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	// Room for the callers, and a log that is not checkpointed in a round.
	//nolint:gosec // the binary is the one we looked up
	cmd := exec.CommandContext(context.WithoutCancel(ctx), postgres, "-D", data, "-h", "127.0.0.1", "-p", port,
		"-c", "unix_socket_directories=", "-c", "max_connections=300", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB")
	cmd.SysProcAttr = who.attributes()
	cmd.Dir = data
	p, err := Start(cmd, syscall.SIGINT, stopWithin) // SIGINT: roll back, disconnect, end
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{Process: p, Version: v, URL: fmt.Sprintf("postgres://bench:%s@%s/postgres?sslmode=disable", password, addr)}
	if err := waitFor(ctx, p, s.check); err != nil {
		return nil, err
	}
	return s, nil
}

// check is an error unless the server answers and loses nothing.
func (s *PostgresServer) check(ctx context.Context) (err error) {
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := c.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return err
		}
		if value != "on" {
			return fmt.Errorf("%s is %q, want on", name, value)
		}
	}
	return nil
}

// makeCluster runs initdb and answers the directory.
func makeCluster(ctx context.Context, initdb, dir, password string, who *account) (string, error) {
	data, secret := filepath.Join(dir, "cluster"), filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return "", err
	}
	if err := errors.Join(os.Mkdir(data, 0o700), who.own(data), who.own(secret)); err != nil {
		return "", err
	}
	//nolint:gosec // the binary is the one we looked up
	cmd := exec.CommandContext(ctx, initdb, "-D", data, "-U", "bench", "--pwfile", secret, "--auth", "scram-sha-256", "-E", "UTF8", "--locale", "C")
	cmd.SysProcAttr = who.attributes()
	cmd.Dir = data
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb in %s: %w\n%s", data, err, out)
	}
	return data, os.Remove(secret)
}

// account is who a server runs as; nil is ourselves.
type account struct{ uid, gid int }

// unprivileged is nobody in particular when we are root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is an account: our own
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &account{uid, gid}, nil
	}
	return nil, errors.New("neither user postgres nor nobody exists, and PostgreSQL does not run as root")
}

func (a *account) attributes() *syscall.SysProcAttr {
	if a == nil {
		return nil
	}
	//nolint:gosec // ids of a user are no larger
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}
