#include "textflag.h"

// func markAVX2(bitmap, text *byte, blocks int) (high uint32)
TEXT ·markAVX2(SB), NOSPLIT, $0-28
	MOVQ bitmap+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ blocks+16(FP), CX

	// Y0 quotes, Y1 backslashes, Y2 the last control character; Y3 all bytes, or-ed.
	MOVL         $'"', AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y0
	MOVL         $'\\', AX
	VMOVD        AX, X1
	VPBROADCASTB X1, Y1
	MOVL         $0x1f, AX
	VMOVD        AX, X2
	VPBROADCASTB X2, Y2
	VPXOR        Y3, Y3, Y3

loop:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	VPOR    Y4, Y3, Y3
	VPOR    Y5, Y3, Y3

	// A byte is a control character if it is the lesser of itself and 0x1f.
	VPMINUB   Y2, Y4, Y6
	VPMINUB   Y2, Y5, Y7
	VPCMPEQB  Y4, Y6, Y6
	VPCMPEQB  Y5, Y7, Y7
	VPCMPEQB  Y0, Y4, Y8
	VPCMPEQB  Y0, Y5, Y9
	VPCMPEQB  Y1, Y4, Y10
	VPCMPEQB  Y1, Y5, Y11
	VPOR      Y8, Y6, Y6
	VPOR      Y9, Y7, Y7
	VPOR      Y10, Y6, Y6
	VPOR      Y11, Y7, Y7
	VPMOVMSKB Y6, AX
	VPMOVMSKB Y7, BX
	MOVL      AX, (DI)
	MOVL      BX, 4(DI)

	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ  loop

	VPMOVMSKB Y3, AX
	MOVL      AX, high+24(FP)
	VZEROUPPER
	RET

// func hasAVX2() bool
TEXT ·hasAVX2(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	MOVL $0, AX
	CPUID
	CMPL AX, $7
	JLT  no

	// Leaf 1: AVX (bit 28), XGETBV (27) and POPCNT (23).
	MOVL $1, AX
	MOVL $0, CX
	CPUID
	ANDL $0x18800000, CX
	CMPL CX, $0x18800000
	JNE  no

	// The system saves XMM and YMM registers.
	MOVL $0, CX
	XGETBV
	ANDL $6, AX
	CMPL AX, $6
	JNE  no

	// Leaf 7: BMI1 (bit 3), AVX2 (5) and BMI2 (8).
	MOVL $7, AX
	MOVL $0, CX
	CPUID
	ANDL $0x128, BX
	CMPL BX, $0x128
	JNE  no
	MOVB $1, ret+0(FP)

no:
	RET
