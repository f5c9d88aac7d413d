#include "textflag.h"

#define BYTES(name, word) \
DATA name<>+0(SB)/8, $word  \
DATA name<>+8(SB)/8, $word  \
DATA name<>+16(SB)/8, $word \
DATA name<>+24(SB)/8, $word \
GLOBL name<>(SB), RODATA|NOPTR, $32

// Letters that mean something behind a backslash, and what makes it of them.
BYTES(letterN, 0x6e6e6e6e6e6e6e6e)
BYTES(toLF, 0x6464646464646464)
BYTES(letterT, 0x7474747474747474)
BYTES(toTab, 0x7d7d7d7d7d7d7d7d)
BYTES(letterR, 0x7272727272727272)
BYTES(toCR, 0x7f7f7f7f7f7f7f7f)
BYTES(solidus, 0x2f2f2f2f2f2f2f2f)

// ofByte puts the byte of 32 bits to where its bits belong, bitOf is each one's.
DATA ofByte<>+0(SB)/8, $0
DATA ofByte<>+8(SB)/8, $0x0101010101010101
DATA ofByte<>+16(SB)/8, $0x0202020202020202
DATA ofByte<>+24(SB)/8, $0x0303030303030303
GLOBL ofByte<>(SB), RODATA|NOPTR, $32
BYTES(bitOf, 0x8040201008040201)

// BECOME changes the letters of Y3 that are escaped, as Y4 says, and adds their
// places to Y7.
#define BECOME(letter, change) \
	VPCMPEQB letter<>(SB), Y3, Y5 \
	VPAND    Y4, Y5, Y5           \
	VPOR     Y5, Y7, Y7           \
	VPAND    change<>(SB), Y5, Y5 \
	VPXOR    Y5, Y3, Y3

// GROUP writes those of the next eight bytes of text that R14 keeps, and up to
// eight bytes of anything behind them.
#define GROUP(n) \
	MOVBLZX R14, R15         \
	VMOVQ   (R11)(R15*8), X5 \
	VMOVQ   n(R12), X6       \
	VPSHUFB X5, X6, X6       \
	VMOVQ   X6, (DI)         \
	POPCNTL R15, R15         \
	ADDQ    R15, DI          \
	SHRL    $8, R14

// func unescapeAVX2(dst *byte, room int, text *byte, size int, keep *[256][8]byte) (n, read int)
TEXT ·unescapeAVX2(SB), NOSPLIT, $32-56
	MOVQ dst+0(FP), DI
	MOVQ room+8(FP), R8
	MOVQ text+16(FP), SI
	MOVQ size+24(FP), R9
	MOVQ keep+32(FP), R11
	LEAQ -32(DI)(R8*1), R8 // the last places where 32 bytes fit
	LEAQ -32(SI)(R9*1), R9

	// Y0 quotes, Y1 backslashes, Y2 the last control character.
	MOVL         $'"', AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y0
	MOVL         $'\\', AX
	VMOVD        AX, X1
	VPBROADCASTB X1, Y1
	MOVL         $0x1f, AX
	VMOVD        AX, X2
	VPBROADCASTB X2, Y2
	MOVL         $0xaaaaaaaa, R10

next:
	CMPQ      SI, R9
	JHI       stop
	CMPQ      DI, R8
	JHI       stop
	VMOVDQU   (SI), Y3
	VPCMPEQB  Y0, Y3, Y4
	VPMOVMSKB Y4, BX       // quotes
	VPMINUB   Y2, Y3, Y4
	VPCMPEQB  Y3, Y4, Y4
	VPMOVMSKB Y4, DX       // control characters
	VPCMPEQB  Y1, Y3, Y4
	VPMOVMSKB Y4, AX       // backslashes
	TESTL     AX, AX
	JZ        plain

	// See package jsonline: subtracting runs of backslashes from the bits at odd
	// places leaves every other one of each run, and what the last one escapes.
	LEAL  (AX)(AX*1), CX
	ORL   R10, CX
	SUBL  AX, CX
	XORL  R10, CX
	MOVL  CX, R14
	ANDL  AX, R14          // that escape
	XORL  AX, CX           // escaped
	MOVL  CX, R13
	ORL   BX, AX
	ANDNL BX, CX, BX       // the quote that ends the string
	ORL   BX, DX
	MOVQ  SI, R12
	ANDNL CX, AX, CX       // escaped, and neither a quote nor a backslash
	JZ    shrink

	VMOVD        R13, X4
	VPBROADCASTD X4, Y4
	VPSHUFB      ofByte<>(SB), Y4, Y4
	VMOVDQU      bitOf<>(SB), Y5
	VPAND        Y5, Y4, Y4
	VPCMPEQB     Y5, Y4, Y4
	VPCMPEQB     solidus<>(SB), Y3, Y7
	BECOME(letterN, toLF)
	BECOME(letterT, toTab)
	BECOME(letterR, toCR)
	VMOVDQU      Y3, changed-32(SP)
	LEAQ         changed-32(SP), R12
	VPMOVMSKB    Y7, AX
	ANDNL        CX, AX, CX
	SHRL         $1, CX

shrink:
	ORL   CX, DX           // where to stop
	MOVL  R14, CX
	ANDL  $0x80000000, CX  // what escapes the byte behind these comes with it
	ORL   DX, CX
	BTSQ  $32, CX
	TZCNTQ CX, CX
	NOTL  R14
	BZHIL CX, R14, R14
	GROUP(0)
	GROUP(8)
	GROUP(16)
	GROUP(24)
	ADDQ  CX, SI
	TESTL DX, DX
	JZ    next
	JMP   stop

plain:
	VMOVDQU Y3, (DI)
	ORL     BX, DX
	MOVL    DX, CX
	BTSQ    $32, CX
	TZCNTQ  CX, CX
	ADDQ    CX, SI
	ADDQ    CX, DI
	TESTL   DX, DX
	JZ      next

stop:
	SUBQ dst+0(FP), DI
	MOVQ DI, n+40(FP)
	SUBQ text+16(FP), SI
	MOVQ SI, read+48(FP)
	VZEROUPPER
	RET
