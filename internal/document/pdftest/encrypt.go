package pdftest

import (
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"fmt"
)

// encryption is the standard security handler, revision 3 (ISO 32000-1,
// 7.6.3), with every permission granted.
type encryption struct {
	id, owner, user, key []byte
}

const permissions = 0xfffffffc

// padding fills passwords up to 32 bytes.
const padding = "\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08" +
	"\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a"

func padded(password string) []byte { return []byte((password + padding)[:32]) }

func newEncryption(user, owner string) *encryption {
	e := &encryption{id: []byte("0123456789abcdef")}
	e.owner = rc4Rounds(hashRounds(padded(owner)), padded(user))
	e.key = hashRounds(padded(user), e.owner, binary.LittleEndian.AppendUint32(nil, permissions), e.id)
	digest := md5.Sum(append([]byte(padding), e.id...))
	e.user = append(rc4Rounds(e.key, digest[:]), make([]byte, 16)...)
	return e
}

// hashRounds is the key derivation of algorithms 2 and 3.
func hashRounds(parts ...[]byte) []byte {
	h := md5.New()
	for _, p := range parts {
		h.Write(p)
	}
	sum := h.Sum(nil)
	for range 50 {
		next := md5.Sum(sum)
		sum = next[:]
	}
	return sum
}

// rc4Rounds encrypts 20 times with keys made from key.
func rc4Rounds(key, data []byte) []byte {
	for i := range 20 {
		turned := make([]byte, len(key))
		for j, k := range key {
			turned[j] = k ^ byte(i)
		}
		data = rc4Once(turned, data)
	}
	return data
}

func rc4Once(key, data []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		panic(err) // every key here has 16 bytes
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out
}

func (e *encryption) dictionary() string {
	return fmt.Sprintf("<< /Filter /Standard /V 2 /R 3 /Length 128 /P %d /O <%x> /U <%x> >>",
		int32(permissions-1<<32), e.owner, e.user)
}

// encrypt encrypts a stream of the object with the given number.
func (e *encryption) encrypt(number int, content string) string {
	key := append([]byte{}, e.key...)
	key = append(key, byte(number), byte(number>>8), byte(number>>16), 0, 0)
	sum := md5.Sum(key)
	return string(rc4Once(sum[:], []byte(content)))
}
