package sqlitejobs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Where the header of a database keeps what is read here, and how the log is
// laid out (sqlite.org/fileformat2.html, sections 1.3 and 4.1).
const (
	headerBytes  = 100
	pageSizeAt   = 16
	changesAt    = 24
	pagesAt      = 28
	validForAt   = 92
	logHeader    = 32
	logFrame     = 24 // before each page
	logSaltAt    = 16 // in the log's header
	frameSaltAt  = 8
	saltBytes    = 8
	largestPage  = 65536
	smallestPage = 512
)

// errShort marks a file with fewer bytes than its header says, and that the log
// does not make up for.
var errShort = errors.New("it was cut short; keep a copy of the directory, then restore it from a backup")

// checkTail refuses a database that was cut short, before SQLite fills the gap
// with zeros. A checkpoint that the power ended may leave such a file too, but
// then the log still holds the missing pages.
func checkTail(path string) error {
	size, page, pages, err := readHeader(path)
	if err != nil || page == 0 {
		return err
	}
	whole := size / page
	if whole >= pages {
		return nil
	}
	logged, err := loggedPages(path+"-wal", page)
	if err != nil {
		return err
	}
	for n := whole + 1; n <= pages; n++ {
		if !logged[uint32(n)] {
			return fmt.Errorf("%s has %d bytes and should have %d: %w", databaseName, size, pages*page, errShort)
		}
	}
	return nil
}

// readHeader reads how long the file is and how long it says it is; page is 0
// when the header does not tell.
func readHeader(path string) (size, page, pages int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, 0, err
	}
	size = info.Size()
	var h [headerBytes]byte
	if _, err := io.ReadFull(f, h[:]); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return size, 0, 0, fmt.Errorf("%s has %d bytes: %w", databaseName, size, errShort)
	} else if err != nil {
		return 0, 0, 0, err
	}
	page = int64(binary.BigEndian.Uint16(h[pageSizeAt:]))
	if page == 1 {
		page = largestPage
	}
	if page < smallestPage || binary.BigEndian.Uint32(h[changesAt:]) != binary.BigEndian.Uint32(h[validForAt:]) {
		return size, 0, 0, nil
	}
	return size, page, int64(binary.BigEndian.Uint32(h[pagesAt:])), nil
}

// loggedPages lists the pages that the log holds, up to where it is broken off.
func loggedPages(path string, page int64) (pages map[uint32]bool, err error) {
	pages = map[uint32]bool{}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return pages, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var head [logHeader]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return pages, nil // no log to speak of
	}
	salt := string(head[logSaltAt : logSaltAt+saltBytes])
	for at := int64(logHeader); ; at += logFrame + page {
		var frame [logFrame]byte
		if _, err := f.ReadAt(frame[:], at); err != nil {
			return pages, nil // its end
		}
		if string(frame[frameSaltAt:frameSaltAt+saltBytes]) != salt {
			return pages, nil // left over from an older log
		}
		pages[binary.BigEndian.Uint32(frame[:])] = true
	}
}
