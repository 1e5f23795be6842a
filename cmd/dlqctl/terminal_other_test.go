//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

func onTerminal(*exec.Cmd, int) (string, error) {
	return "", errors.New("tests in a terminal need Linux")
}
