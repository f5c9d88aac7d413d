package jsonline

// checkAVX2 is checkBlock for blocks of text, of which there is at least one, up
// to the first that is wrong. It notes them in notes and their events, whose
// places count from at, in events, where it may write up to 8 too many. The high
// bits of beyond tell whether a byte beyond ASCII is among them.
//
//go:noescape
func checkAVX2(carry *grammar, text *byte, blocks int, notes *note, events *uint16, at int, low, high *[16]byte) (done, count int, wrong uint64, beyond uint32)

// hasKernel asks the processor for AVX2, BMI1, BMI2, POPCNT and PCLMULQDQ, and
// whether the system keeps its wide registers.
func hasKernel() bool

var kernel = hasKernel()

// check checks whole blocks up to the first that is wrong, and says which of its
// bytes are.
func (m *Marks) check(text []byte) (wrong uint64) {
	if !kernel {
		return m.checkGo(text)
	}
	blocks := len(text) / blockBytes
	notes, events := m.notes[m.blocks:][:blocks], m.events[m.count:][:blocks*blockBytes]
	done, count, wrong, beyond := checkAVX2(&m.carry, &text[0], blocks, &notes[0], &events[0], m.blocks*blockBytes, &lowHalf, &highHalf)
	m.blocks += done
	m.count += count
	m.Foreign = m.Foreign || beyond != 0
	return wrong
}
