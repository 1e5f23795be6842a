package tiers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// transportClass classifies a call that brought no usable status. What counts
// is how far it got: before the request was written the provider cannot have
// worked on it; after that it may have, and may have charged for it.
func transportClass(s Signal) jobs.Class {
	switch s.Timeout {
	case BudgetShutdown:
		return ClassCancelled
	case BudgetJob:
		return ClassDeadline
	case BudgetAttempt:
		return timedOutIn(s.Phase)
	case BudgetNone:
	}
	switch {
	case s.Err == nil && s.Phase == PhaseDone:
		return ClassEmpty
	case misconfigured(s.Err):
		return ClassNetConfig
	case s.Phase < PhaseWrite:
		return ClassNetPresend
	case s.Reused && s.Phase <= PhaseWait && connectionGone(s.Err):
		return ClassNetStale
	case s.Phase == PhaseWrite:
		return ClassNetPresend
	case s.Phase == PhaseWait:
		return ClassNetAmbiguous
	default:
		return ClassNetCut
	}
}

func timedOutIn(p Phase) jobs.Class {
	switch {
	case p < PhaseWrite:
		return ClassNetPresend
	case p < PhaseRead:
		return ClassNetAmbiguous
	default:
		return ClassNetCut
	}
}

// misconfigured reports faults that no retry cures: an unknown host, a bad
// certificate, a scheme that the client cannot speak.
func misconfigured(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound && !dns.IsTemporary
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return true
	}
	if err == nil {
		return false
	}
	// net/http has no types for these.
	text := err.Error()
	return strings.Contains(text, "unsupported protocol scheme") ||
		strings.Contains(text, "no Host in request URL") ||
		strings.Contains(text, "server gave HTTP response to HTTPS client")
}

// connectionGone reports that the other side closed the connection.
func connectionGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		err != nil && strings.Contains(err.Error(), "server closed idle connection")
}
