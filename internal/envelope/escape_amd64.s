#include "textflag.h"

// func escapeBytes(to, from *byte, size int, ignored uint64) (n, taken int)
//
// Sixteen bytes are taken at a time, and each half of them goes through a shuffle
// that its quotes, backslashes and control characters choose, these as the letters
// that are written for them:
//
//	in        a " b c \ d e f | \ \ \ \ \ \ \ \      eight bytes, eight backslashes
//	shuffle   0 8 1 2 3 8 4 5 6 7                    of 256, for bytes 1 and 4
//	out       a \ " b c \ \ d e f
//
// There is no branch on where quotes are, which no processor guesses.
TEXT ·escapeBytes(SB), NOSPLIT, $0-48
	MOVQ to+0(FP), DI
	MOVQ from+8(FP), SI
	MOVQ size+16(FP), CX
	MOVQ ignored+24(FP), R13
	LEAQ ·shuffles(SB), R8

	// X0 quotes, X1 backslashes. Of bytes with X9 turned, those that as signed numbers
	// are less than X2 are looked at twice: with 0x80, that is those below 0x20; with
	// 0, those from 0x80 on, too.
	VMOVDQU     ·quotes(SB), X0
	VMOVDQU     ·backslashes(SB), X1
	VMOVDQU     ·blanks(SB), X2
	VMOVQ       R13, X9
	VPUNPCKLQDQ X9, X9, X9
	VPXOR       X9, X2, X2
	VMOVDQU     ·seventies(SB), X10
	VMOVDQU     ·letters(SB), X11
	VPXOR       X12, X12, X12
	MOVL        $0xffff, R12 // bytes that count
	XORL        R11, R11     // DX of all blocks so far
	SUBQ        $16, CX
	JLT         last

loop:
	VMOVDQU (SI), X3

escape:
	// AX marks quotes and backslashes, DX control characters and what is no ASCII.
	VPXOR     X9, X3, X7
	VPCMPEQB  X0, X3, X4
	VPCMPEQB  X1, X3, X5
	VPCMPGTB  X7, X2, X6
	VPOR      X5, X4, X4
	VPMOVMSKB X4, AX
	VPMOVMSKB X6, DX
	ORL       DX, R11
	TESTL     R12, R11
	JNZ       control

shuffle:
	MOVBLZX     AX, BX
	SHRL        $8, AX
	POPCNTL     BX, R9
	POPCNTL     AX, R10
	SHLL        $4, BX
	SHLL        $4, AX
	VPUNPCKLQDQ X1, X3, X4
	VPUNPCKHQDQ X1, X3, X5
	VPSHUFB     (R8)(BX*1), X4, X4
	VPSHUFB     (R8)(AX*1), X5, X5
	VMOVDQU     X4, (DI)
	VMOVDQU     X5, 8(DI)(R9*1)
	ADDQ        R10, R9
	CMPL        R12, $0xffff
	JNE         end
	LEAQ        16(DI)(R9*1), DI
	ADDQ        $16, SI
	SUBQ        $16, CX
	JGE         loop

last:
	// CX is how many bytes are left, less sixteen. They are read with those before
	// them, of which there are enough, and moved to the front.
	ADDQ    $16, CX
	JZ      done
	VMOVDQU -16(SI)(CX*1), X3
	LEAQ    ·fronts(SB), R9
	SUBQ    CX, R9
	VPSHUFB 16(R9), X3, X3
	MOVQ    $1, R12
	SHLQ    CX, R12
	DECQ    R12
	JMP     escape

control:
	// Once here, always here: texts that have one line feed have more of them, at
	// places that no processor guesses.
	//
	// X8 is what stands behind the backslash for control characters that are pairs, 0
	// for all others: with 0x70 added those from 0x10 on have the high bit, for which
	// a shuffle gives 0. BX marks them; all of them are marked in DX.
	VPADDUSB  X10, X3, X7
	VPSHUFB   X7, X11, X8
	VPCMPGTB  X12, X8, X7
	VPMOVMSKB X7, BX
	XORL      BX, DX
	TESTL     R12, DX
	JNZ       done
	ORL       BX, AX
	VPANDN    X3, X7, X3
	VPOR      X8, X3, X3
	JMP       shuffle

end:
	ADDQ CX, DI
	ADDQ R9, DI
	ADDQ CX, SI

done:
	SUBQ to+0(FP), DI
	SUBQ from+8(FP), SI
	MOVQ DI, n+32(FP)
	MOVQ SI, taken+40(FP)
	RET

// func hasAVX() bool
TEXT ·hasAVX(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)

	// Leaf 1: AVX (bit 28), XGETBV (bit 27) and POPCNT (bit 23).
	MOVL $1, AX
	MOVL $0, CX
	CPUID
	ANDL $0x18800000, CX
	CMPL CX, $0x18800000
	JNE  no

	// The system saves XMM and YMM registers.
	MOVL  $0, CX
	XGETBV
	ANDL  $6, AX
	CMPL  AX, $6
	SETEQ ret+0(FP)

no:
	RET
