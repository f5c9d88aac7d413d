// Package crc32c is the CRC-32 of Castagnoli's polynomial, which the log and what is
// in it are checked with: hash/crc32's, some times as fast where the processor
// multiplies polynomials 512 bits at a time.
//
// What enters and leaves is what hash/crc32 has: sums are the same on every machine.
// A test holds both side by side. Nothing is kept, and nothing allocated.
//
// The method is that of Gopal et al., Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ Instruction: what was read is multiplied by the power of x that
// moves it behind what comes next, and added to that. What is left in the end, 16
// bytes, goes through the processor's own instruction.
package crc32c
