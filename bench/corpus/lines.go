package corpus

var (
	ports    = []uint32{443, 443, 443, 80, 22, 53, 123, 3306, 5432, 6379, 8080, 9092}
	protocol = []string{"6", "6", "6", "1", "17"}
	emptyLog = []string{"NODATA", "SKIPDATA"}

	assets   = []string{".css", ".js", ".png", ".svg", ".html", ""}
	statuses = []string{"200", "200", "200", "200", "200", "301", "304", "206", "403", "404"}
	referers = []string{"-", "-", "https://shop.example.com/", "https://shop.example.com/search?q=lamp", "https://www.example.org/blog/winter"}
)

// appendVPC appends one flow log record of version 2. The network interface id
// holds the sequence number; 2 % of the records hold no flow, 5 % of the flows
// were rejected.
func (g *Generator) appendVPC(dst []byte) []byte {
	r := &g.rand
	dst = append(append(dst, "2 "...), accounts[r.below(4)]...)
	dst = appendHex(append(dst, " eni-0"...), scramble64(g.seq), 16)
	second := uint32(g.clock.second)
	if r.below(50) == 0 {
		dst = appendUint(append(dst, " - - - - - - - "...), second)
		dst = appendUint(append(dst, ' '), second+1+r.below(60))
		return append(append(dst, " - "...), r.pick(emptyLog)...)
	}
	known, other := ports[r.below(uint32(len(ports)))], 1024+r.below(64_000)
	if r.below(2) == 0 { // from outside
		dst = r.appendIP(append(dst, ' '), 11+r.below(245))
		dst = r.appendIP(append(dst, ' '), 10, r.below(16))
		known, other = other, known
	} else {
		dst = r.appendIP(append(dst, ' '), 10, r.below(16))
		dst = r.appendIP(append(dst, ' '), 11+r.below(245))
	}
	packets := 1 + r.below(200)
	dst = appendUint(append(dst, ' '), known)
	dst = appendUint(append(dst, ' '), other)
	dst = append(append(dst, ' '), r.pick(protocol)...)
	dst = appendUint(append(dst, ' '), packets)
	dst = appendUint(append(dst, ' '), packets*(40+r.below(1460)))
	dst = appendUint(append(dst, ' '), second)
	dst = appendUint(append(dst, ' '), second+1+r.below(60))
	if r.below(20) == 0 {
		return append(dst, " REJECT OK"...)
	}
	return append(dst, " ACCEPT OK"...)
}

// appendAccess appends one line of an access log. The name of what was asked
// for holds the sequence number; 3 % are answered by 5xx.
func (g *Generator) appendAccess(dst []byte) []byte {
	r := &g.rand
	dst = append(r.appendIP(dst, 1+r.below(254)), " - "...)
	if r.below(10) == 0 {
		dst = appendUint(append(dst, "user"...), r.below(9000))
	} else {
		dst = append(dst, '-')
	}
	dst = append(append(dst, " ["...), g.clock.log[:]...)
	dst = append(append(dst, `] "`...), r.pick(methods)...)
	dst = appendHex(append(dst, " /assets/"...), uint64(scramble32(uint32(g.seq))), 8)
	dst = append(append(dst, r.pick(assets)...), "?v="...)
	dst = append(appendUint(dst, r.below(100)), ` HTTP/1.1" `...)
	status := r.pick(statuses)
	if r.below(100) < 3 {
		status = r.pick(broken)
	}
	dst = appendUint(append(append(dst, status...), ' '), 100+r.below(90_000))
	dst = append(append(dst, ` "`...), r.pick(referers)...)
	dst = append(append(dst, `" "`...), r.pick(agents)...)
	return append(dst, '"')
}
