package literal

import "math"

// commonest lists bytes from the most to the least frequent one in a mixture
// of JSON application logs, access logs, VPC flow logs and system logs. Bytes
// not listed are rarer.
const commonest = "\"0 e12a:s.t63574niro8c,-d9/plumbfhTgvyAP\nCEOk_SIwK[]{}Mxq=zNRH()GLDJ\rW?FZ+U;VX#Bj\\|*@Q$~<'>Y!&%"

// rank orders bytes by frequency: 0 for the unlisted ones. As the logarithm of
// the frequency falls about linearly along the list, the sum of ranks orders
// strings by how often they are expected.
var rank = func() (r [256]uint8) {
	for i := range len(commonest) {
		r[commonest[i]] = uint8(len(commonest) - i)
	}
	return r
}()

// rankOf returns how common s is.
func rankOf(s string) int {
	sum := 0
	for i := range len(s) {
		sum += int(rank[s[i]])
	}
	return sum
}

// Share estimates which part of the positions of a log text s is found at. In
// the mixture behind the list e^-2.6 of the bytes are the first one, and each
// next one is 6.5 % rarer. The bytes of a text are not independent: pairs were
// found 3, triples 20 and longer runs 100 times as often as that would give.
func Share(s string) float64 {
	const perRank = 0.065
	top := 2.6 + perRank*float64(len(commonest))
	factor := [...]float64{1, 1, 3, 20, 100}[min(len(s), 4)]
	return factor * math.Exp(perRank*float64(rankOf(s))-top*float64(len(s)))
}

// rarestWindow returns the offset of the rarest run of n bytes of s.
func rarestWindow(s string, n int) int {
	best := 0
	for at := 1; at+n <= len(s); at++ {
		if rankOf(s[at:at+n]) < rankOf(s[best:best+n]) {
			best = at
		}
	}
	return best
}
