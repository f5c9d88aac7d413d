package format_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
)

// decoders reads back what each codec wrote.
var decoders = map[string]func(testing.TB, []byte) []byte{
	"UNCOMPRESSED":  func(_ testing.TB, b []byte) []byte { return b },
	"GZIP":          gunzip,
	"ZIP":           unzip,
	"Snappy":        unxerial,
	"HADOOP_SNAPPY": unhadoop,
	"ZSTD":          unzstd,
}

func unzip(t testing.TB, b []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(r.File) != 1 {
		t.Fatal(err, r)
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func unxerial(t testing.TB, b []byte) []byte {
	t.Helper()
	plain, err := xerial.Decode(b)
	if err != nil && len(b) > 16 { // it calls a header alone malformed
		t.Fatal(err)
	}
	checkBlocks(t, b[16:], false)
	return plain
}

// unhadoop reads the framing here and hands the blocks to xerial's reader, which
// takes the same raw blocks.
func unhadoop(t testing.TB, b []byte) []byte {
	t.Helper()
	checkBlocks(t, b, true)
	plain := []byte{}
	for len(b) > 0 {
		size := 4 + binary.BigEndian.Uint32(b[4:])
		block, err := xerial.Decode(append([]byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"), b[4:4+size]...))
		if err != nil || len(block) != int(binary.BigEndian.Uint32(b)) {
			t.Fatal(err, len(block))
		}
		plain = append(plain, block...)
		b = b[4+size:]
	}
	return plain
}

// checkBlocks requires that all blocks but the last hold 32 KiB.
func checkBlocks(t testing.TB, b []byte, hadoop bool) {
	t.Helper()
	for len(b) > 0 {
		if hadoop {
			b = b[4:]
		}
		size := binary.BigEndian.Uint32(b)
		raw, _ := binary.Uvarint(b[4:]) // a raw snappy block begins with its plain length
		b = b[4+size:]
		if raw > 32<<10 || raw == 0 || raw != 32<<10 && len(b) > 0 {
			t.Fatalf("a block of %d bytes with %d bytes after it", raw, len(b))
		}
	}
}

func unzstd(t testing.TB, b []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	plain, err := r.DecodeAll(b, []byte{})
	if err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	return plain
}

// A frame is what the library alone would write, checksum and all.
func TestZstdFramesAreTheLibrarys(t *testing.T) {
	all := lines(12_000)
	for _, n := range []int{0, 1, 10, 300, 12_000} {
		for _, run := range []int{1, 700} {
			var want bytes.Buffer
			w, err := zstd.NewWriter(&want, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true),
				zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithZeroFrames(true))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all[:n] {
				if _, err := w.Write(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got := body(t, write(t, "ZSTD", all[:n], run))
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%d records: %d bytes that begin with %x and end with %x, the library's %d, %x and %x",
					n, len(got), got[:min(16, len(got))], got[max(0, len(got)-4):], want.Len(), want.Bytes()[:min(16, want.Len())], want.Bytes()[max(0, want.Len()-4):])
			}
			got[len(got)-1] ^= 1 // or nobody looks at it
			r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.DecodeAll(got, nil); !errors.Is(err, zstd.ErrCRCMismatch) {
				t.Errorf("%d records with a wrong checksum: %v", n, err)
			}
			r.Close()
		}
	}
}

var uuid5 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestZipEntryIsNamedByItsRecords(t *testing.T) {
	entry := func(records [][]byte, runs ...int) *zip.File {
		t.Helper()
		b := body(t, write(t, "ZIP", records, runs...))
		r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		f := r.File[0]
		if f.Flags != 0 || f.Method != zip.Deflate || string(b[30:66]) != f.Name {
			t.Errorf("%+v, local name %q", f.FileHeader, b[30:66])
		}
		return f
	}
	records := lines(500)
	a, again, other := entry(records, 500), entry(records, 3), entry(records[1:], 499)
	if !uuid5.MatchString(a.Name) || a.Name != again.Name || a.Name == other.Name {
		t.Errorf("%q, %q, %q", a.Name, again.Name, other.Name)
	}
}

// The bytes of one short object in each framing that is written by hand here.
func TestGoldenBytes(t *testing.T) {
	f := func(codec, want string) {
		t.Helper()
		got := hex.EncodeToString(body(t, write(t, codec, [][]byte{[]byte("abc\n")}, 1)))
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", codec, got, want)
		}
	}
	block := "04" + "0c" + "6162630a" // plain length, a literal of four bytes, the bytes
	f("Snappy", "82534e4150505900"+"00000001"+"00000001"+"00000006"+block)
	f("HADOOP_SNAPPY", "00000004"+"00000006"+block)
}

// rawSnappy is a decoder of raw snappy blocks and of both framings in plain
// Python: it shares nothing with the encoder.
const rawSnappy = `
import sys, struct
def block(b):
    n = shift = i = 0
    while True:
        c = b[i]; i += 1
        n |= (c & 127) << shift; shift += 7
        if c < 128: break
    out = bytearray()
    while i < len(b):
        tag = b[i]; i += 1
        kind = tag & 3
        if kind == 0:
            size = tag >> 2
            if size >= 60:
                extra = size - 59
                size = int.from_bytes(b[i:i+extra], 'little'); i += extra
            size += 1
            out += b[i:i+size]; i += size
            continue
        if kind == 1:
            size, back = 4 + (tag >> 2 & 7), (tag >> 5) << 8 | b[i]; i += 1
        elif kind == 2:
            size, back = 1 + (tag >> 2), int.from_bytes(b[i:i+2], 'little'); i += 2
        else:
            size, back = 1 + (tag >> 2), int.from_bytes(b[i:i+4], 'little'); i += 4
        for _ in range(size): out.append(out[-back])
    assert len(out) == n, (len(out), n)
    return bytes(out)
b = open(sys.argv[2], 'rb').read()
i = 0
if sys.argv[1] == 'Snappy':
    assert b[:16] == bytes([0x82]) + b'SNAPPY\0' + struct.pack('>ii', 1, 1)
    i = 16
while i < len(b):
    if sys.argv[1] == 'HADOOP_SNAPPY':
        plain, = struct.unpack('>i', b[i:i+4]); i += 4
    size, = struct.unpack('>i', b[i:i+4]); i += 4
    got = block(b[i:i+size]); i += size
    assert sys.argv[1] == 'Snappy' or len(got) == plain
    sys.stdout.buffer.write(got)
`

const pythonZip = `
import sys, zipfile, uuid
z = zipfile.ZipFile(sys.argv[2])
name, = z.namelist()
assert uuid.UUID(name).version == 5 and z.testzip() is None
sys.stdout.buffer.write(z.read(name))
`

// TestIndependentDecoders has each body read by a program of somebody else.
func TestIndependentDecoders(t *testing.T) {
	records := lines(3000)
	want := bytes.Join(records, nil)
	f := func(codec string, command ...string) {
		t.Run(codec+" "+filepath.Base(command[0]), func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("%s is not here: %v", command[0], err)
			}
			file := filepath.Join(t.TempDir(), "object")
			if err := os.WriteFile(file, body(t, write(t, codec, records, 70)), 0o600); err != nil {
				t.Fatal(err)
			}
			var complaint bytes.Buffer
			read := exec.Command(command[0], append(command[1:], file)...)
			read.Stderr = &complaint
			got, err := read.Output()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes of %d, %v: %s", len(got), len(want), err, &complaint)
			}
		})
	}
	f("GZIP", "gzip", "-dc")
	f("ZIP", "unzip", "-p")
	f("ZIP", "python3", "-c", pythonZip, "ZIP")
	f("Snappy", "python3", "-c", rawSnappy, "Snappy")
	f("HADOOP_SNAPPY", "python3", "-c", rawSnappy, "HADOOP_SNAPPY")
	f("ZSTD", "zstd", "-dc")
}
