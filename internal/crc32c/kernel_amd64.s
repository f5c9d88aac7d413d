#include "textflag.h"
#include "go_asm.h"

// Operands are in Go's order: the last one is where the result goes.

// MOVE multiplies the polynomials of acc by factors and adds more, which is the
// same size. It uses tmp.
#define MOVE(factors, more, acc, tmp) \
	VPCLMULQDQ $0x00, factors, acc, tmp \
	VPCLMULQDQ $0x11, factors, acc, acc \
	VPTERNLOGQ $0x96, more, tmp, acc    // all three xored

// func fold(state uint32, p *byte, blocks int, by *moves) uint32
TEXT ·fold(SB), NOSPLIT, $0-36
	MOVL state+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVQ by+24(FP), DI
	VMOVD     AX, X4 // and nothing above
	VMOVDQU64 0(SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VPXORQ    Z4, Z0, Z0
	VMOVDQU64 moves_by2048(DI), Z8
	DECQ CX
	JZ   last

loop:
	ADDQ $256, SI
	MOVE(Z8, 0(SI), Z0, Z4)
	MOVE(Z8, 64(SI), Z1, Z5)
	MOVE(Z8, 128(SI), Z2, Z6)
	MOVE(Z8, 192(SI), Z3, Z7)
	DECQ CX
	JNZ  loop

last:
	VMOVDQU64 moves_by512(DI), Z8
	MOVE(Z8, Z1, Z0, Z4)
	MOVE(Z8, Z2, Z0, Z4)
	MOVE(Z8, Z3, Z0, Z4)
	VMOVDQU       moves_by128(DI), X8
	VEXTRACTI32X4 $1, Z0, X1
	VEXTRACTI32X4 $2, Z0, X2
	VEXTRACTI32X4 $3, Z0, X3
	VPCLMULQDQ    $0x00, X8, X0, X4
	VPCLMULQDQ    $0x11, X8, X0, X0
	VPXOR         X4, X0, X0
	VPXOR         X1, X0, X0
	VPCLMULQDQ    $0x00, X8, X0, X4
	VPCLMULQDQ    $0x11, X8, X0, X0
	VPXOR         X4, X0, X0
	VPXOR         X2, X0, X0
	VPCLMULQDQ    $0x00, X8, X0, X4
	VPCLMULQDQ    $0x11, X8, X0, X0
	VPXOR         X4, X0, X0
	VPXOR         X3, X0, X0
	VMOVQ         X0, AX
	VPEXTRQ       $1, X0, BX
	XORL          DX, DX
	CRC32Q        AX, DX
	CRC32Q        BX, DX
	MOVL          DX, ret+32(FP)
	VZEROUPPER
	RET

// func hasKernel() bool
TEXT ·hasKernel(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	MOVL $0, AX
	CPUID
	CMPL AX, $7
	JLT  no

	// Leaf 1: XGETBV (bit 27), SSE4.2 (20) and PCLMULQDQ (1).
	MOVL $1, AX
	MOVL $0, CX
	CPUID
	ANDL $0x08100002, CX
	CMPL CX, $0x08100002
	JNE  no

	// The system saves all of XMM, YMM and ZMM registers, and those of masks.
	MOVL $0, CX
	XGETBV
	ANDL $0xe6, AX
	CMPL AX, $0xe6
	JNE  no

	// Leaf 7: AVX-512F (bit 16 of BX) and VPCLMULQDQ (10 of CX).
	MOVL  $7, AX
	MOVL  $0, CX
	CPUID
	TESTL $0x10000, BX
	JZ    no
	TESTL $0x400, CX
	JZ    no
	MOVB  $1, ret+0(FP)

no:
	RET
