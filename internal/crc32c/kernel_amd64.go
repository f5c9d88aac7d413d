package crc32c

const (
	blockBytes = 256
	polynomial = 0x82f63b78 // x^32 is not written; x^31 has the lowest bit
)

// factors moves polynomials of 128 bits by a distance: by the first of each pair
// that half of the bits that stands first in memory is multiplied, by the second the
// other one.
type factors [8]uint64

// moves are factors for as many bits as the name says, four pairs alike.
type moves struct {
	by2048, by512, by128 factors
}

var shift = moves{factorsFor(2048), factorsFor(512), factorsFor(128)}

// factorsFor computes factors. The product of two numbers that have their highest
// powers in the lowest bits is one bit off: hence one less than the distance.
func factorsFor(bits int) (f factors) {
	first, second := power(bits+63), power(bits-1)
	for i := 0; i < len(f); i += 2 {
		f[i], f[i+1] = uint64(first)<<32, uint64(second)<<32
	}
	return f
}

// power is x^n modulo the polynomial.
func power(n int) uint32 {
	p := uint32(1 << 31) // x^0
	for range n {
		p = p>>1 ^ -(p&1)&polynomial
	}
	return p
}

// fold returns the remainder of whole blocks, of which there is at least one, behind
// the remainder state.
//
//go:noescape
func fold(state uint32, p *byte, blocks int, by *moves) uint32

// hasKernel asks the processor for AVX-512F, VPCLMULQDQ and SSE4.2, and whether the
// system keeps its wide registers.
func hasKernel() bool

var kernel = hasKernel()

// updateBlocks returns the checksum with the first part of b in it, and the rest.
func updateBlocks(crc uint32, b []byte) (uint32, []byte) {
	if len(b) < blockBytes || !kernel {
		return crc, b
	}
	n := len(b) / blockBytes
	return ^fold(^crc, &b[0], n, &shift), b[n*blockBytes:]
}
