#include "textflag.h"

// PAIRS makes to the bytes that are all ones where both of a pair are, of 32
// positions. It uses tmp.
#define PAIRS(at, to, tmp) \
	VPCMPEQB at(SI), Y0, to  \
	VPCMPEQB at(DI), Y1, tmp \
	VPAND    tmp, to, to

// func seekPair(text *byte, n, aAt, bAt int, a, b byte) int
TEXT ·seekPair(SB), NOSPLIT, $0-48
	MOVQ text+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ bAt+24(FP), DI
	ADDQ SI, DI
	ADDQ aAt+16(FP), SI
	VPBROADCASTB a+32(FP), Y0
	VPBROADCASTB b+33(FP), Y1
	XORL AX, AX

loop:
	PAIRS(0, Y2, Y6)
	PAIRS(32, Y3, Y7)
	PAIRS(64, Y4, Y8)
	PAIRS(96, Y5, Y9)
	VPOR   Y2, Y3, Y6
	VPOR   Y4, Y5, Y7
	VPOR   Y6, Y7, Y7
	VPTEST Y7, Y7
	JNZ    found
	ADDQ   $128, SI
	ADDQ   $128, DI
	ADDQ   $128, AX
	CMPQ   AX, CX
	JLT    loop
	JMP    end

found:
	VPMOVMSKB Y2, BX
	VPMOVMSKB Y3, DX
	SHLQ      $32, DX
	ORQ       DX, BX
	JNZ       first
	ADDQ      $64, AX
	VPMOVMSKB Y4, BX
	VPMOVMSKB Y5, DX
	SHLQ      $32, DX
	ORQ       DX, BX

first:
	BSFQ BX, BX
	ADDQ BX, AX

end:
	MOVQ AX, ret+40(FP)
	VZEROUPPER
	RET

// func hasKernel() bool
TEXT ·hasKernel(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	MOVL $0, AX
	CPUID
	CMPL AX, $7
	JLT  no

	// Leaf 1: AVX (bit 28) and XGETBV (27).
	MOVL $1, AX
	MOVL $0, CX
	CPUID
	ANDL $0x18000000, CX
	CMPL CX, $0x18000000
	JNE  no

	// The system saves XMM and YMM registers.
	MOVL $0, CX
	XGETBV
	ANDL $6, AX
	CMPL AX, $6
	JNE  no

	// Leaf 7: AVX2 (bit 5).
	MOVL  $7, AX
	MOVL  $0, CX
	CPUID
	TESTL $0x20, BX
	JZ    no
	MOVB  $1, ret+0(FP)

no:
	RET
