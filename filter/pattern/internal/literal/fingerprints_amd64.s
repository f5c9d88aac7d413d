#include "textflag.h"

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibbles<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibbles<>+16(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibbles<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $32

// BUCKETS makes to the buckets that 32 bytes are possible in, by their nibbles. It
// uses tmp. Y6 are nibbles.
#define BUCKETS(at, low, high, to, tmp) \
	VMOVDQU at(SI), to     \
	VPSRLW  $4, to, tmp    \
	VPAND   Y6, to, to     \
	VPAND   Y6, tmp, tmp   \
	VPSHUFB to, low, to    \
	VPSHUFB tmp, high, tmp \
	VPAND   tmp, to, to

// func seekPrint(t *tables, text *byte, n int, possible *[lanes]uint8) (at int, which uint32)
TEXT ·seekPrint(SB), NOSPLIT, $0-44
	MOVQ t+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU 0(DI), Y0
	VMOVDQU 32(DI), Y1
	VMOVDQU 64(DI), Y2
	VMOVDQU 96(DI), Y3
	VMOVDQU 128(DI), Y4
	VMOVDQU 160(DI), Y5
	VMOVDQU nibbles<>(SB), Y6
	XORL AX, AX
	XORL BX, BX

loop:
	BUCKETS(0, Y0, Y1, Y7, Y10)
	BUCKETS(1, Y2, Y3, Y8, Y11)
	BUCKETS(2, Y4, Y5, Y9, Y12)
	VPAND  Y8, Y7, Y7
	VPAND  Y9, Y7, Y7
	VPTEST Y7, Y7
	JNZ    found
	ADDQ   $32, SI
	ADDQ   $32, AX
	CMPQ   AX, CX
	JLT    loop
	JMP    end

found:
	MOVQ      possible+24(FP), DX
	VMOVDQU   Y7, (DX)
	VPXOR     Y8, Y8, Y8
	VPCMPEQB  Y8, Y7, Y8
	VPMOVMSKB Y8, BX
	NOTL      BX

end:
	MOVQ AX, at+32(FP)
	MOVL BX, which+40(FP)
	VZEROUPPER
	RET
