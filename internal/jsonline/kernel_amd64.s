#include "textflag.h"
#include "go_asm.h"

// All registers are of 256 bits here: four words of a bitmap, of which a byte of
// text has one bit, the lowest of the first word for the first byte. Operands are
// in Go's order: VPANDN a, b, c makes c what is in a and not in b.

// pairs puts byte 8+i of 16 behind byte i.
DATA pairs<>+0(SB)/8, $0x0b030a0209010800
DATA pairs<>+8(SB)/8, $0x0f070e060d050c04
DATA pairs<>+16(SB)/8, $0x0b030a0209010800
DATA pairs<>+24(SB)/8, $0x0f070e060d050c04
GLOBL pairs<>(SB), RODATA|NOPTR, $32

#define MASK(name, word) \
DATA name<>+0(SB)/8, $word  \
DATA name<>+8(SB)/8, $word  \
DATA name<>+16(SB)/8, $word \
DATA name<>+24(SB)/8, $word \
GLOBL name<>(SB), RODATA|NOPTR, $32

MASK(evenBits, 0x5555555555555555)
MASK(evenTwos, 0x3333333333333333)
MASK(evenFours, 0x0f0f0f0f0f0f0f0f)

// COLUMN loads bytes n to n+15, and 128 further on as many, as pairs.
#define COLUMN(n, x, y) \
	VMOVDQU     n(SI), x               \
	VINSERTI128 $1, (128+n)(SI), y, y  \
	VPSHUFB     pairs<>(SB), y, y

// SWAP exchanges bits of a and b: of a those that the mask, moved up, has, of b
// those that it has. It uses Y0.
#define SWAP(shift, mask, a, b) \
	VPSRLQ shift, a, Y0 \
	VPXOR  b, Y0, Y0    \
	VPAND  mask, Y0, Y0 \
	VPXOR  Y0, b, b     \
	VPSLLQ shift, Y0, Y0 \
	VPXOR  Y0, a, a

// ESCAPED takes the next backslashes from AX and makes BX what they escape, as
// grammar.escaped does. R8 is escape, R13 odd; R12 is used.
#define ESCAPED \
	ANDNQ AX, R8, R12       \ // first
	LEAQ  (R12)(R12*1), BX  \
	ORQ   R13, BX           \
	SUBQ  R12, BX           \
	XORQ  R13, BX           \ // pairs
	ORQ   AX, R8            \
	ANDQ  BX, AX            \
	XORQ  R8, BX            \
	SHRQ  $63, AX           \
	MOVQ  AX, R8

// AFTER moves a set on by one byte, as after does. It uses Y10.
#define AFTER(set, left) \
	VPERM2I128 $3, left(DI), set, Y10 \ // the two words before its second word
	VMOVDQU    set, left(DI)          \
	VPALIGNR   $8, Y10, set, Y10      \ // each word's word before
	VPSRLQ     $63, Y10, Y10          \
	VPADDQ     set, set, set          \
	VPOR       Y10, set, set

// EVENT writes the place of the lowest event of AX, which is gone then.
#define EVENT(n) \
	TZCNTQ AX, BX \
	ADDL   CX, BX \
	MOVW   BX, n(R12) \
	BLSRQ  AX, AX

// EVENTS writes those of a word. Most have up to four: to write all four is to
// guess nothing.
#define EVENTS(word, more) \
	MOVQ    word, AX \
	POPCNTQ AX, R13  \
	MOVQ    DX, R12  \
	LEAQ    (DX)(R13*2), DX \
more: \
	EVENT(0) \
	EVENT(2) \
	EVENT(4) \
	EVENT(6) \
	ADDQ    $8, R12 \
	TESTQ   AX, AX  \
	JNZ     more    \
	ADDL    $64, CX

// func checkAVX2(carry *grammar, text *byte, blocks int, colons, elements *uint64, events *uint16, at int, wrong *lanes) (done, count int)
//
// The comments name the variables of checkWord.
TEXT ·checkAVX2(SB), NOSPLIT, $8-80
	MOVQ  carry+0(FP), DI
	MOVQ  text+8(FP), SI
	MOVQ  blocks+16(FP), AX
	MOVQ  AX, todo-8(SP)
	MOVQ  colons+24(FP), R14
	MOVQ  elements+32(FP), R15
	MOVQ  events+40(FP), DX
	MOVQ  at+48(FP), CX
	SUBQ  $256, CX
	MOVQ  grammar_escape(DI), R8
	MOVQ  grammar_inside(DI), R9
	MOVQ  grammar_adding(DI), R11
	MOVQ  (grammar_gap+24)(DI), R10 // whether there may be gaps before the block
	ORQ   (grammar_colonGap+24)(DI), R10
	VPXOR Y0, Y0, Y0 // no events of a block before
	VMOVDQU Y0, grammar_found(DI)

	// The events of a block are written while the next one is turned over: the one
	// keeps the integer units busy, the other the vector units.
loop:
	// Y8 to Y15 become bytes 0 to 7 of each eight.
	COLUMN(0, X0, Y0)
	COLUMN(16, X1, Y1)
	COLUMN(32, X2, Y2)
	COLUMN(48, X3, Y3)
	COLUMN(64, X4, Y4)
	COLUMN(80, X5, Y5)
	COLUMN(96, X6, Y6)
	COLUMN(112, X7, Y7)
	EVENTS(grammar_found(DI), more0)
	VPUNPCKLWD  Y1, Y0, Y8
	VPUNPCKHWD  Y1, Y0, Y9
	VPUNPCKLWD  Y3, Y2, Y10
	VPUNPCKHWD  Y3, Y2, Y11
	VPUNPCKLWD  Y5, Y4, Y12
	VPUNPCKHWD  Y5, Y4, Y13
	VPUNPCKLWD  Y7, Y6, Y14
	VPUNPCKHWD  Y7, Y6, Y15
	VPUNPCKLDQ  Y10, Y8, Y0
	VPUNPCKHDQ  Y10, Y8, Y1
	VPUNPCKLDQ  Y14, Y12, Y2
	VPUNPCKHDQ  Y14, Y12, Y3
	VPUNPCKLDQ  Y11, Y9, Y4
	VPUNPCKHDQ  Y11, Y9, Y5
	VPUNPCKLDQ  Y15, Y13, Y6
	VPUNPCKHDQ  Y15, Y13, Y7
	VPUNPCKLQDQ Y2, Y0, Y8
	VPUNPCKHQDQ Y2, Y0, Y9
	VPUNPCKLQDQ Y3, Y1, Y10
	VPUNPCKHQDQ Y3, Y1, Y11
	VPUNPCKLQDQ Y6, Y4, Y12
	VPUNPCKHQDQ Y6, Y4, Y13
	VPUNPCKLQDQ Y7, Y5, Y14
	VPUNPCKHQDQ Y7, Y5, Y15
	EVENTS((grammar_found+8)(DI), more1)

	// And then bits 0 to 7 of each byte.
	VMOVDQU evenBits<>(SB), Y1
	SWAP($1, Y1, Y8, Y9)
	SWAP($1, Y1, Y10, Y11)
	SWAP($1, Y1, Y12, Y13)
	SWAP($1, Y1, Y14, Y15)
	EVENTS((grammar_found+16)(DI), more2)
	VMOVDQU evenTwos<>(SB), Y1
	SWAP($2, Y1, Y8, Y10)
	SWAP($2, Y1, Y9, Y11)
	SWAP($2, Y1, Y12, Y14)
	SWAP($2, Y1, Y13, Y15)
	EVENTS((grammar_found+24)(DI), more3)
	VMOVDQU evenFours<>(SB), Y1
	SWAP($4, Y1, Y8, Y12)
	SWAP($4, Y1, Y9, Y13)
	SWAP($4, Y1, Y10, Y14)
	SWAP($4, Y1, Y11, Y15)

	// The classes.
	VPOR    grammar_beyond(DI), Y15, Y0
	VMOVDQU Y0, grammar_beyond(DI)
	VPOR    Y15, Y14, Y0
	VPANDN  Y13, Y0, Y1   // 0x20 to 0x3f
	VPOR    Y13, Y0, Y0   // Y0 not control
	VPAND   Y14, Y12, Y14
	VPANDN  Y14, Y15, Y14 // 0x50 to 0x5f, 0x70 to 0x7f
	VPANDN  Y1, Y12, Y2   // 0x20 to 0x2f
	VPAND   Y1, Y12, Y3   // 0x30 to 0x3f
	VPOR    Y11, Y10, Y1  // by the lower four bits: 4 to f
	VPOR    Y9, Y8, Y4    // not 0, 4, 8, c
	VPAND   Y11, Y10, Y5  // c to f
	VPANDN  Y11, Y10, Y6  // 8 to b
	VPANDN  Y9, Y8, Y7    // 2, 6, a, e
	VPOR    Y10, Y9, Y15
	VPAND   Y11, Y15, Y15
	VPANDN  Y3, Y15, Y15
	VMOVDQU Y15, grammar_digits(DI)
	VPOR    Y4, Y1, Y12
	VPAND   Y15, Y12, Y12
	VMOVDQU Y12, grammar_nonzero(DI)
	VPAND   Y6, Y3, Y3
	VPAND   Y7, Y3, Y3    // Y3 colon
	VPANDN  Y2, Y1, Y12
	VPAND   Y7, Y12, Y11  // Y11 quotes
	VPANDN  Y12, Y4, Y12  // Y12 blank
	VPAND   Y5, Y2, Y2
	VPANDN  Y2, Y4, Y2    // Y2 comma
	VPAND   Y6, Y14, Y15
	VPAND   Y9, Y15, Y15
	VPAND   Y8, Y15, Y15  // Y15 open
	VPAND   Y14, Y5, Y5
	VPANDN  Y8, Y9, Y6    // 1, 5, 9, d
	VPAND   Y5, Y6, Y6
	VPOR    Y4, Y1, Y1
	VPANDN  Y14, Y1, Y1   // the letters p and P
	VPOR    Y1, Y6, Y6    // Y6 closed
	VPANDN  Y5, Y4, Y5
	VPANDN  Y5, Y13, Y5   // Y5 backslash

	VPXOR  Y1, Y1, Y1     // Y1 wrong
	VPXOR  Y13, Y13, Y13  // Y13 letters, the first of the events
	XORL   AX, AX
	VPTEST Y5, Y5
	SETNE  AX
	ORQ    R8, AX
	JZ     plain

	MOVQ         $0xaaaaaaaaaaaaaaaa, R13
	VMOVQ        X5, AX
	ESCAPED
	VMOVQ        BX, X4
	VPEXTRQ      $1, X5, AX
	ESCAPED
	VPINSRQ      $1, BX, X4, X4
	VEXTRACTI128 $1, Y5, X14
	VMOVQ        X14, AX
	ESCAPED
	VMOVQ        BX, X13
	VPEXTRQ      $1, X14, AX
	ESCAPED
	VPINSRQ      $1, BX, X13, X13
	VINSERTI128  $1, X13, Y4, Y4 // escaped
	VPOR         Y6, Y15, Y1
	VPAND        Y4, Y1, Y1
	VPOR         Y5, Y11, Y13
	VPANDN       Y4, Y13, Y13
	VPANDN       Y11, Y4, Y11

plain:
	// Y8 in: multiplying without carries by all ones is prefixXor, of a word.
	VPCMPEQB     Y4, Y4, Y4   // Y4 all ones
	VEXTRACTI128 $1, Y11, X9
	VPCLMULQDQ   $0, X4, X11, X8
	VPCLMULQDQ   $1, X4, X11, X10
	VPUNPCKLQDQ  X10, X8, X8
	VPCLMULQDQ   $0, X4, X9, X10
	VPCLMULQDQ   $1, X4, X9, X9
	VPUNPCKLQDQ  X9, X10, X10
	VINSERTI128  $1, X10, Y8, Y8
	VMOVMSKPD    Y8, AX
	LEAL         (R9)(AX*2), AX
	POPCNTL      AX, R9
	ANDL         $1, R9
	SHLL         $5, AX
	LEAQ         ·insideLanes(SB), BX
	VPXOR        (BX)(AX*1), Y8, Y8

	VPANDN Y8, Y0, Y9
	VPOR   Y9, Y1, Y1    // control&in
	VPANDN Y5, Y8, Y9
	VPOR   Y9, Y1, Y1    // backslash&^in
	VPAND  Y8, Y11, Y5   // Y5 opening
	VPAND  Y8, Y6, Y7
	AFTER(Y7, grammar_letterP) // Y7 stamps

	VPOR   Y8, Y11, Y11  // not out
	VPANDN Y2, Y11, Y2
	VPANDN Y3, Y11, Y3
	VPANDN Y6, Y11, Y6
	VPANDN Y12, Y11, Y12
	VPANDN Y15, Y11, Y15
	VPOR   Y11, Y0, Y0
	VPANDN Y4, Y0, Y0    // Y0 control
	VPOR   Y15, Y3, Y9
	VPOR   Y2, Y9, Y9
	VPOR   Y0, Y9, Y9    // Y9 leads
	VPOR   Y9, Y11, Y11
	VPOR   Y6, Y11, Y11
	VPOR   Y12, Y11, Y11
	VPANDN Y4, Y11, Y11  // Y11 scalar

	VMOVDQU Y3, (R14)
	AFTER(Y9, grammar_lead)  // Y9 follows
	AFTER(Y3, grammar_colon) // Y3 value
	XORL   BX, BX
	VPTEST Y12, Y12
	SETNE  BX
	ORQ    BX, R10
	JZ     compact

	MOVQ   BX, R10
	VPANDN Y12, Y9, Y2
	VPOR   Y2, Y1, Y1    // blank&^follows
	VPAND  Y12, Y9, Y2   // gap
	VPANDN Y9, Y12, Y9
	AFTER(Y2, grammar_gap)
	VPOR   Y2, Y9, Y9
	VPAND  Y12, Y3, Y2   // colonGap
	VPANDN Y3, Y12, Y3
	AFTER(Y2, grammar_colonGap)
	VPOR   Y2, Y3, Y3

compact:
	VPANDN Y9, Y3, Y12   // Y12 key
	VPAND  Y11, Y9, Y14
	VMOVDQU grammar_nonzero(DI), Y2
	VPANDN Y14, Y2, Y14
	VPOR   Y14, Y13, Y13 // scalar&follows&^nonzero
	VPAND  grammar_digits(DI), Y11, Y14
	VPANDN Y11, Y14, Y2  // others
	AFTER(Y14, grammar_number)
	VPAND  Y2, Y14, Y10
	VPOR   Y10, Y13, Y13 // others&after(number)
	AFTER(Y2, grammar_others)
	VPOR   Y2, Y14, Y14
	VPOR   Y9, Y14, Y14
	VPANDN Y11, Y14, Y14
	VPOR   Y14, Y1, Y1   // scalar&^(follows|after(scalar))
	VPOR   Y15, Y5, Y2
	VPANDN Y2, Y9, Y14
	VPOR   Y14, Y1, Y1   // (opening|open)&^follows
	VPOR   Y11, Y2, Y2   // starts
	VPOR   Y0, Y2, Y2
	VPOR   Y6, Y2, Y2
	VPANDN Y9, Y2, Y9
	VPOR   Y9, Y1, Y1    // follows&^(starts|closed|control)
	VMOVDQA Y6, Y14
	AFTER(Y14, grammar_closed)
	VPANDN Y0, Y14, Y14
	VPOR   Y14, Y13, Y13 // control&^after(closed)
	VPOR   Y6, Y13, Y13
	VPOR   Y15, Y13, Y13 // Y13 events but elements and stamps

	// Y2 names: the sums of the words, and one more where the word before leaves
	// one. A word leaves one if it makes one, or if it is all ones and gets one.
	VPOR      Y5, Y6, Y6     // Y6 opening|closed
	VPAND     Y12, Y5, Y5    // opening&key
	VPADDQ    Y5, Y8, Y2
	VPANDN    Y8, Y2, Y3
	VPOR      Y5, Y3, Y3
	VMOVMSKPD Y3, AX
	VPCMPEQQ  Y4, Y2, Y3
	VMOVMSKPD Y3, BX
	LEAL      (R11)(AX*2), AX
	ADDL      BX, AX
	MOVL      AX, R11
	SHRL      $4, R11
	XORL      BX, AX
	ANDL      $15, AX
	SHLL      $5, AX
	LEAQ      ·sumLanes(SB), BX
	VPSUBQ    (BX)(AX*1), Y2, Y2
	VPANDN    Y2, Y8, Y2
	VPAND     Y2, Y7, Y7
	VPOR      Y7, Y13, Y13   // stamps

	AFTER(Y2, grammar_names) // Y2 named
	VMOVDQU (R14), Y3
	VPANDN  Y3, Y2, Y5
	VPOR    Y5, Y1, Y1       // colon&^named
	VPANDN  Y2, Y3, Y3
	VPANDN  Y12, Y6, Y6
	VPOR    Y6, Y3, Y3       // elements
	VMOVDQU Y3, (R15)
	VPOR    Y3, Y13, Y13
	VMOVDQU Y13, grammar_found(DI)

	ADDQ $256, SI
	ADDQ $32, R14
	ADDQ $32, R15
	DECQ   todo-8(SP)
	VPTEST Y1, Y1
	JNZ    end
	CMPQ   todo-8(SP), $0
	JNE    loop

end:
	EVENTS(grammar_found(DI), more4)
	EVENTS((grammar_found+8)(DI), more5)
	EVENTS((grammar_found+16)(DI), more6)
	EVENTS((grammar_found+24)(DI), more7)
	MOVQ    R8, grammar_escape(DI)
	MOVQ    R9, grammar_inside(DI)
	MOVQ    R11, grammar_adding(DI)
	MOVQ    wrong+56(FP), AX
	VMOVDQU Y1, (AX)
	MOVQ    blocks+16(FP), AX
	SUBQ    todo-8(SP), AX
	MOVQ    AX, done+64(FP)
	SUBQ    events+40(FP), DX
	SHRQ    $1, DX
	MOVQ    DX, count+72(FP)
	VZEROUPPER
	RET

// func hasKernel() bool
TEXT ·hasKernel(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	MOVL $0, AX
	CPUID
	CMPL AX, $7
	JLT  no

	// Leaf 1: AVX (bit 28), XGETBV (27), POPCNT (23) and PCLMULQDQ (1).
	MOVL $1, AX
	MOVL $0, CX
	CPUID
	ANDL $0x18800002, CX
	CMPL CX, $0x18800002
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
