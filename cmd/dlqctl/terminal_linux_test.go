package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// onTerminal runs a command in a terminal of its own and answers all that the
// terminal showed.
func onTerminal(cmd *exec.Cmd, width int) (string, error) { return typing(cmd, width, "", "") }

// answering types once the terminal shows the question.
func answering(cmd *exec.Cmd, question, typed string) (string, error) {
	return typing(cmd, 100, question, typed)
}

func typing(cmd *exec.Cmd, width int, question, typed string) (string, error) {
	user, tty, err := openTerminal(width)
	if err != nil {
		return "", err
	}
	defer func() { _ = user.Close() }()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	_ = tty.Close()
	if err != nil {
		return "", err
	}
	var shown bytes.Buffer
	for buf := make([]byte, 4096); ; {
		if typed != "" && strings.Contains(shown.String(), question) {
			if _, err := io.WriteString(user, typed); err != nil {
				return "", err
			}
			typed = ""
		}
		n, err := user.Read(buf)
		shown.Write(buf[:n])
		if err != nil {
			break // the terminal's last user has gone
		}
	}
	_ = cmd.Wait() // the code tells
	return strings.ReplaceAll(shown.String(), "\r\n", "\n"), nil
}

// openTerminal opens a pseudo-terminal: the side of the user, and the one of
// the program.
func openTerminal(width int) (user, tty *os.File, err error) {
	user, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: uint16(width)})
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = user.Close()
		return nil, nil, err
	}
	return user, tty, nil
}
