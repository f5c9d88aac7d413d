package awsapi

import (
	"io"
	"net"
	"net/http"
	"syscall"
)

const (
	// mostLowWater is how many bytes of a body the server asks the kernel to collect
	// before it is woken: less often than for each packet, and soon enough for the
	// sender, whose window is far larger, never to wait.
	mostLowWater = 256 << 10
	// leastLowWater is what is not worth a system call.
	leastLowWater = 64 << 10
)

// lowWaterBody reads a body of known length from a socket of its own and asks for
// no more than what is still to come, so that nobody waits for bytes that nobody
// sends. A connection that ends wakes its reader in any case.
type lowWaterBody struct {
	body   io.Reader
	left   int
	socket syscall.RawConn // nil: the body comes from none
	mark   int             // of the socket now
}

// begin is about HTTP/1 without TLS: other bodies are not what the socket brings.
func (b *lowWaterBody) begin(r *http.Request) {
	*b = lowWaterBody{body: r.Body, left: int(r.ContentLength), mark: 1}
	if r.ContentLength >= 2*leastLowWater && r.ProtoMajor == 1 {
		c, _ := r.Context().Value(connKey{}).(net.Conn)
		b.socket = socketOf(c)
	}
}

// socketOf is the socket of a connection that speaks as the socket does.
func socketOf(c net.Conn) syscall.RawConn {
	if sniffed, ok := c.(*sniffConn); ok {
		if sniffed.current() != sniffed.Conn {
			return nil // TLS
		}
		c = sniffed.Conn
	}
	if bounded, ok := c.(*boundedConn); ok {
		c = bounded.Conn
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	socket, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return socket
}

func (b *lowWaterBody) Read(p []byte) (int, error) {
	if want := min(b.left, mostLowWater, len(p)); want >= leastLowWater {
		b.set(want)
	} else {
		b.set(1)
	}
	n, err := b.body.Read(p)
	b.left -= n
	return n, err
}

// end leaves the socket to the next request.
func (b *lowWaterBody) end() { b.set(1) }

// set moves the mark; where that fails, the reader is woken more often.
func (b *lowWaterBody) set(mark int) {
	if b.socket == nil || b.mark == mark {
		return
	}
	b.mark = mark
	b.socket.Control(func(fd uintptr) { setLowWater(fd, mark) })
}
