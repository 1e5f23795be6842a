package document

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"strconv"
)

// lockedByPassword reports that a PDF certainly does not open without a
// password. Many invoices and statements are encrypted with an owner's
// password only, which restricts printing but not reading, so the encryption
// flag alone says nothing: the empty user password is tried as a reader would.
// Where anything is not understood the answer is false and the parser decides.
func lockedByPassword(pdf []byte) bool {
	trailer, ok := encryptedTrailer(pdf)
	if !ok {
		return false
	}
	dict := trailer.dict["Encrypt"]
	if dict.kind == kindRef {
		if dict, ok = objectValue(pdf, dict.ref); !ok {
			return false
		}
	}
	if dict.kind != kindDict || dict.dict["Filter"].kind != kindName {
		return false
	}
	if dict.dict["Filter"].name != "Standard" {
		return true // certificates, or a rights server
	}
	return refusesEmptyPassword(dict.dict, firstID(trailer))
}

// encryptedTrailer finds the last dictionary with an Encrypt entry: a trailer,
// or the dictionary of a cross-reference stream.
func encryptedTrailer(pdf []byte) (value, bool) {
	key := []byte("/Encrypt")
	var found value
	for at, tries := 0, 0; tries < 8; tries++ {
		i := bytes.Index(pdf[at:], key)
		if i < 0 {
			break
		}
		at += i + len(key)
		if at >= len(pdf) || pdf[at] >= 'A' && pdf[at] <= 'z' {
			continue // a longer name
		}
		if dict, ok := dictAround(pdf, at-len(key)); ok {
			found = dict
		}
	}
	return found, found.kind == kindDict
}

// dictAround parses the nearest dictionary that starts before pos and holds an
// Encrypt entry of its own.
func dictAround(pdf []byte, pos int) (value, bool) {
	const reach, tries = 4 << 10, 16
	before := pdf[max(0, pos-reach):pos]
	start := pos - len(before)
	for range tries {
		i := bytes.LastIndex(before, []byte("<<"))
		if i < 0 {
			break
		}
		if dict, ok := scanValue(pdf, start+i); ok {
			if e := dict.dict["Encrypt"]; e.kind == kindRef || e.kind == kindDict {
				return dict, true
			}
		}
		before = before[:i]
	}
	return value{}, false
}

// objectValue finds "n g obj" and parses what follows. The last one wins, as
// in a file that was updated in place.
func objectValue(pdf []byte, ref [2]int64) (value, bool) {
	header := []byte(strconv.FormatInt(ref[0], 10) + " " + strconv.FormatInt(ref[1], 10) + " obj")
	var found value
	for at, tries := 0, 0; tries < 64; tries++ {
		i := bytes.Index(pdf[at:], header)
		if i < 0 {
			break
		}
		start := at + i
		at = start + len(header)
		if start > 0 && pdf[start-1] >= '0' && pdf[start-1] <= '9' {
			continue // the end of a longer number
		}
		if v, ok := scanValue(pdf, at); ok {
			found = v
		}
	}
	return found, found.kind == kindDict
}

// firstID is the first of the document's two identifiers, nil if it is not
// plain to see.
func firstID(trailer value) []byte {
	ids := trailer.dict["ID"]
	if ids.kind != kindArray || len(ids.array) == 0 || ids.array[0].kind != kindString {
		return nil
	}
	return ids.array[0].bytes
}

// refusesEmptyPassword reports whether the standard security handler would
// certainly not let the empty user password in.
func refusesEmptyPassword(dict map[string]value, id []byte) bool {
	o, u := dict["O"].bytes, dict["U"].bytes
	switch revision := dict["R"].number; revision {
	case 2, 3, 4:
		p := dict["P"]
		if len(o) != 32 || len(u) != 32 || id == nil || p.kind != kindNumber {
			return false
		}
		return !opensRC4(dict, o, u, id, uint32(p.number), revision)
	case 5, 6:
		if len(u) < 48 {
			return false
		}
		salt := u[32:40]
		hash := sha256.Sum256(salt)
		if revision == 6 {
			hash = hardenedHash(salt)
		}
		return !bytes.Equal(hash[:], u[:32])
	}
	return false
}

// passwordPadding fills up passwords (ISO 32000-1, algorithm 2); it is the
// whole of the empty one.
func passwordPadding() []byte {
	return []byte("\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08" +
		"\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a")
}

// opensRC4 tries the empty password on revisions 2 to 4 (ISO 32000-1,
// algorithms 2, 4, 5 and 6), with every key length a file may mean.
func opensRC4(dict map[string]value, o, u, id []byte, permissions uint32, revision int64) bool {
	lengths := []int{5}
	if revision > 2 {
		lengths = append(lengths, 16)
		if n := dict["Length"].number; n%8 == 0 && n > 40 && n < 128 {
			lengths = append(lengths, int(n/8))
		}
	}
	for _, n := range lengths {
		key := emptyPasswordKey(dict, o, id, permissions, revision, n)
		if bytes.Equal(userEntry(key, id, revision), u[:userEntryLength(revision)]) {
			return true
		}
	}
	return false
}

// userEntryLength is how much of the U entry is defined.
func userEntryLength(revision int64) int {
	if revision == 2 {
		return 32
	}
	return 16
}

func emptyPasswordKey(dict map[string]value, o, id []byte, permissions uint32, revision int64, n int) []byte {
	h := md5.New()
	h.Write(passwordPadding())
	h.Write(o)
	h.Write(binary.LittleEndian.AppendUint32(nil, permissions))
	h.Write(id)
	if revision == 4 && dict["EncryptMetadata"].name == "false" {
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	key := h.Sum(nil)
	if revision > 2 {
		for range 50 {
			sum := md5.Sum(key[:n])
			key = sum[:]
		}
	}
	return key[:n]
}

func userEntry(key, id []byte, revision int64) []byte {
	if revision == 2 {
		return rc4Bytes(key, passwordPadding())
	}
	h := md5.New()
	h.Write(passwordPadding())
	h.Write(id)
	entry := h.Sum(nil)
	for i := range 20 {
		turned := make([]byte, len(key))
		for j, k := range key {
			turned[j] = k ^ byte(i)
		}
		entry = rc4Bytes(turned, entry)
	}
	return entry
}

func rc4Bytes(key, data []byte) []byte {
	out := make([]byte, len(data))
	c, err := rc4.NewCipher(key)
	if err != nil {
		return out // keys have 5 to 16 bytes: cannot happen
	}
	c.XORKeyStream(out, data)
	return out
}

// hardenedHash is algorithm 2.B of ISO 32000-2 for the empty password.
func hardenedHash(salt []byte) [32]byte {
	first := sha256.Sum256(salt)
	k := first[:]
	for round := 0; ; round++ {
		e := bytes.Repeat(k, 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return [32]byte{} // a 16 byte key: cannot happen
		}
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, e)
		// The first 16 bytes as a number modulo 3: 256 is 1 modulo 3, so
		// that is the sum of the bytes modulo 3.
		sum := 0
		for _, b := range e[:16] {
			sum += int(b)
		}
		k = hashBySize(sum%3, e)
		if round >= 63 && int(e[len(e)-1]) <= round-31 {
			return [32]byte(k[:32])
		}
	}
}

func hashBySize(which int, data []byte) []byte {
	switch which {
	case 1:
		sum := sha512.Sum384(data)
		return sum[:]
	case 2:
		sum := sha512.Sum512(data)
		return sum[:]
	}
	sum := sha256.Sum256(data)
	return sum[:]
}
