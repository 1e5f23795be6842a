//go:build !linux

package chaos_test

import "testing"

func smallDisk(t *testing.T, _ int) string {
	t.Helper()
	t.Fatal("mount tmpfs: this takes Linux and root")
	return ""
}

func setReadOnly(t *testing.T, _ string, _ bool) {
	t.Helper()
	t.Fatal("remount: this takes Linux and root")
}

func unmountBelow(string) int { return 0 }
