#include "textflag.h"

// func escapeBytes(to, from *byte, size int, ignored uint64) (n, taken int)
//
// Sixteen bytes are taken at a time, and each half of them goes through a shuffle
// that its quotes and backslashes choose:
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
	// are less than X2 are left to the caller: with 0x80, that is those below 0x20;
	// with 0, those from 0x80 on, too.
	MOVQ       $0x2222222222222222, AX
	MOVQ       AX, X0
	PUNPCKLQDQ X0, X0
	MOVQ       $0x5c5c5c5c5c5c5c5c, AX
	MOVQ       AX, X1
	PUNPCKLQDQ X1, X1
	MOVQ       R13, X9
	PUNPCKLQDQ X9, X9
	MOVQ       $0x2020202020202020, AX
	MOVQ       AX, X2
	PUNPCKLQDQ X2, X2
	PXOR       X9, X2
	MOVL       $0xffff, R12 // bytes that count
	SUBQ       $16, CX
	JLT        last

loop:
	MOVOU (SI), X3

escape:
	// AX marks quotes and backslashes, DX what is left to the caller.
	MOVO     X3, X4
	MOVO     X3, X5
	MOVO     X2, X6
	MOVO     X3, X7
	PXOR     X9, X7
	PCMPEQB  X0, X4
	PCMPEQB  X1, X5
	PCMPGTB  X7, X6
	POR      X5, X4
	PMOVMSKB X4, AX
	PMOVMSKB X6, DX
	TESTL    R12, DX
	JNZ      done

	MOVBLZX    AX, BX
	SHRL       $8, AX
	POPCNTL    BX, R9
	POPCNTL    AX, R10
	SHLL       $4, BX
	SHLL       $4, AX
	MOVOU      (R8)(BX*1), X7
	MOVOU      (R8)(AX*1), X8
	MOVO       X3, X5
	PUNPCKLQDQ X1, X3
	PUNPCKHQDQ X1, X5
	PSHUFB     X7, X3
	PSHUFB     X8, X5
	MOVOU      X3, (DI)
	MOVOU      X5, 8(DI)(R9*1)
	ADDQ       R10, R9
	CMPL       R12, $0xffff
	JNE        end
	LEAQ       16(DI)(R9*1), DI
	ADDQ       $16, SI
	SUBQ       $16, CX
	JGE        loop

last:
	// CX is how many bytes are left, less sixteen. They are read with those before
	// them, of which there are enough, and moved to the front.
	ADDQ   $16, CX
	JZ     done
	MOVOU  -16(SI)(CX*1), X3
	LEAQ   ·fronts(SB), R11
	SUBQ   CX, R11
	MOVOU  16(R11), X7
	PSHUFB X7, X3
	MOVQ   $1, R12
	SHLQ   CX, R12
	DECQ   R12
	JMP    escape

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

// func hasShuffle() bool
TEXT ·hasShuffle(SB), NOSPLIT, $0-1
	// Leaf 1: SSSE3 (bit 9) and POPCNT (bit 23).
	MOVL  $1, AX
	MOVL  $0, CX
	CPUID
	ANDL  $0x00800200, CX
	CMPL  CX, $0x00800200
	SETEQ ret+0(FP)
	RET
