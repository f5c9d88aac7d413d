#include "textflag.h"
#include "go_asm.h"

// CLASS moves the top bits of the bytes of Y6 and Y7, of 64 bytes of text, to a
// register, and the next lower bits up. It uses R15.
#define CLASS(reg) \
	VPMOVMSKB Y6, reg \
	VPMOVMSKB Y7, R15 \
	SHLQ      $32, R15 \
	ORQ       R15, reg \
	VPADDB    Y6, Y6, Y6 \
	VPADDB    Y7, Y7, Y7

// AFTER moves set on by one byte into moved, as after does. set is spent.
#define AFTER(set, left, moved) \
	MOVQ left(DI), moved \
	LEAQ (moved)(set*2), moved \
	SHRQ $63, set \
	MOVQ set, left(DI)

// EVENT writes the place of the lowest event of R15, which is gone then.
#define EVENT(off) \
	TZCNTQ R15, BX \
	ADDL   AX, BX \
	MOVW   BX, off(DX) \
	BLSRQ  R15, R15

// func checkAVX2(carry *grammar, text *byte, blocks int, notes *note, events *uint16, at int, low, high *[16]byte) (done, count int, wrong uint64, beyond uint32)
//
// The comments name the variables of checkBlock.
TEXT ·checkAVX2(SB), NOSPLIT, $48-92
	MOVQ carry+0(FP), DI
	MOVQ text+8(FP), SI
	MOVQ blocks+16(FP), AX
	MOVQ AX, todo-8(SP)
	MOVQ notes+24(FP), AX
	MOVQ AX, note-16(SP)
	MOVQ events+32(FP), AX
	MOVQ AX, event-24(SP)

	// Y0 and Y1 the tables, Y2 the lower half of each byte; Y3 all bytes, or-ed;
	// X10 all bits.
	MOVQ           low+48(FP), AX
	VBROADCASTI128 (AX), Y0
	MOVQ           high+56(FP), AX
	VBROADCASTI128 (AX), Y1
	MOVL           $0x0f, AX
	VMOVD          AX, X2
	VPBROADCASTB   X2, Y2
	VPXOR          Y3, Y3, Y3
	VPCMPEQB       Y10, Y10, Y10

loop:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	ADDQ    $64, SI
	MOVQ    SI, text-32(SP)
	VPOR    Y4, Y3, Y3
	VPOR    Y5, Y3, Y3
	VPSRLW  $4, Y4, Y8
	VPSRLW  $4, Y5, Y9
	VPAND   Y2, Y4, Y6
	VPAND   Y2, Y5, Y7
	VPAND   Y2, Y8, Y8
	VPAND   Y2, Y9, Y9
	VPSHUFB Y6, Y0, Y6
	VPSHUFB Y7, Y0, Y7
	VPSHUFB Y8, Y1, Y8
	VPSHUFB Y9, Y1, Y9
	VPAND   Y8, Y6, Y6
	VPAND   Y9, Y7, Y7
	CLASS(R8)                // comma
	CLASS(R9)                // colon
	CLASS(R10)               // closed
	CLASS(R11)               // open
	CLASS(R12)               // blank
	CLASS(R13)               // control
	CLASS(AX)                // backslash
	CLASS(BX)                // quotes

	XORL R14, R14            // wrong
	MOVQ R14, letters-40(SP)
	MOVQ grammar_escape(DI), CX
	MOVQ AX, DX
	ORQ  CX, DX
	JZ   plain

	// As escaped does; DX becomes what is escaped.
	ANDNQ AX, CX, R15        // first
	LEAQ  (R15)(R15*1), SI
	MOVQ  $0xaaaaaaaaaaaaaaaa, CX
	ORQ   CX, SI
	SUBQ  R15, SI
	XORQ  CX, SI             // pairs
	XORQ  SI, DX             // escaped
	ANDQ  AX, SI
	SHRQ  $63, SI
	MOVQ  SI, grammar_escape(DI)
	MOVQ  BX, SI
	ORQ   AX, SI
	ANDNQ DX, SI, SI
	MOVQ  SI, letters-40(SP)
	MOVQ  R10, R14
	ORQ   R11, R14
	ANDQ  DX, R14
	ANDNQ BX, DX, BX

plain:
	// CX in: multiplying without carries by all ones is prefixXor.
	VMOVQ      BX, X4
	VPCLMULQDQ $0, X10, X4, X4
	VMOVQ      X4, CX
	XORQ       grammar_inside(DI), CX
	MOVQ       CX, R15
	SARQ       $63, R15
	MOVQ       R15, grammar_inside(DI)

	MOVQ  R13, R15
	ANDQ  CX, R15
	ORQ   R15, R14           // control&in
	ANDNQ AX, CX, R15
	ORQ   R15, R14           // backslash&^in
	MOVQ  BX, AX
	ANDQ  CX, AX             // opening
	MOVQ  R10, DX
	ANDQ  CX, DX
	AFTER(DX, grammar_letterP, R15)
	MOVQ  R15, stamps-48(SP)

	ORQ   CX, BX             // not out
	ANDNQ R8, BX, R8
	ANDNQ R9, BX, R9
	ANDNQ R10, BX, R10
	ANDNQ R11, BX, R11
	ANDNQ R12, BX, R12
	ANDNQ R13, BX, R13
	MOVQ  R11, DX
	ORQ   R9, DX
	ORQ   R8, DX
	ORQ   R13, DX            // leads
	ORQ   DX, BX
	ORQ   R10, BX
	ORQ   R12, BX
	NOTQ  BX                 // scalar

	AFTER(DX, grammar_lead, R15) // follows
	MOVQ  R9, R8
	AFTER(R8, grammar_colon, DX) // value
	MOVQ  grammar_gap(DI), R8
	ORQ   grammar_colonGap(DI), R8
	ORQ   R12, R8
	JZ    compact

	ANDNQ R12, R15, R8
	ORQ   R8, R14            // blank&^follows
	MOVQ  R15, R8
	ANDQ  R12, R8            // gap
	ANDNQ R15, R12, R15
	AFTER(R8, grammar_gap, SI)
	ORQ   SI, R15
	MOVQ  DX, R8
	ANDQ  R12, R8            // colonGap
	ANDNQ DX, R12, DX
	AFTER(R8, grammar_colonGap, SI)
	ORQ   SI, DX

compact:
	ANDNQ R15, DX, DX        // key
	MOVQ  AX, R8
	ORQ   R11, R8
	ORQ   BX, R8             // starts
	MOVQ  BX, R12
	AFTER(R12, grammar_scalar, SI)
	ORQ   R15, SI
	ANDNQ R8, SI, SI
	ORQ   SI, R14            // starts&^(follows|after(scalar))
	ORQ   R10, R8
	ORQ   R13, R8
	ANDNQ R15, R8, R8
	ORQ   R8, R14            // follows&^(starts|closed|control)
	ANDQ  BX, R15
	ORQ   R11, R15
	ORQ   R10, R15
	ORQ   R13, R15           // events

	MOVQ  AX, BX
	ANDQ  DX, BX
	MOVQ  grammar_adding(DI), SI
	NEGQ  SI                 // into the carry flag
	ADCQ  CX, BX
	SBBQ  SI, SI
	NEGQ  SI
	MOVQ  SI, grammar_adding(DI)
	ANDNQ BX, CX, BX         // names
	MOVQ  BX, R12
	AFTER(R12, grammar_named, SI) // named
	ANDNQ R9, SI, R8
	ORQ   R8, R14            // colon&^named
	ANDNQ SI, R9, SI
	ORQ   R10, AX
	ANDNQ DX, AX, AX
	ORQ   AX, SI             // elements
	ANDQ  stamps-48(SP), BX
	ORQ   SI, R15
	ORQ   BX, R15
	ORQ   letters-40(SP), R15

	MOVQ note-16(SP), AX
	MOVQ R9, note_colons(AX)
	MOVQ SI, note_elements(AX)
	ADDQ $note__size, AX
	MOVQ AX, note-16(SP)

	// Most blocks have up to four events: to write all four is to guess nothing.
	MOVQ    at+40(FP), AX
	ADDQ    $64, at+40(FP)
	MOVQ    event-24(SP), DX
	POPCNTQ R15, CX
	LEAQ    (DX)(CX*2), R8
	MOVQ    R8, event-24(SP)

events:
	EVENT(0)
	EVENT(2)
	EVENT(4)
	EVENT(6)
	ADDQ  $8, DX
	TESTQ R15, R15
	JNZ   events

	MOVQ  text-32(SP), SI
	DECQ  todo-8(SP)
	TESTQ R14, R14
	JNZ   end
	CMPQ  todo-8(SP), $0
	JNE   loop

end:
	MOVQ      blocks+16(FP), AX
	SUBQ      todo-8(SP), AX
	MOVQ      AX, done+64(FP)
	MOVQ      event-24(SP), AX
	SUBQ      events+32(FP), AX
	SHRQ      $1, AX
	MOVQ      AX, count+72(FP)
	MOVQ      R14, wrong+80(FP)
	VPMOVMSKB Y3, AX
	MOVL      AX, beyond+88(FP)
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
