package corpus

var (
	exceptions = []string{
		"java.lang.IllegalStateException", "java.util.concurrent.TimeoutException", "java.io.UncheckedIOException", "java.lang.NullPointerException",
		"org.springframework.dao.DeadlockLoserDataAccessException", "com.fasterxml.jackson.core.JsonParseException", "javax.net.ssl.SSLHandshakeException",
	}
	frames = []string{
		"com.example.shop.order.OrderController.place(OrderController.java:", "com.example.shop.order.OrderService.reserve(OrderService.java:",
		"com.example.shop.stock.StockClient.call(StockClient.java:", "com.example.shop.pay.PaymentGateway.authorise(PaymentGateway.java:",
		"com.example.shop.web.TenantFilter.doFilterInternal(TenantFilter.java:", "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:",
		"org.springframework.transaction.interceptor.TransactionAspectSupport.invokeWithinTransaction(TransactionAspectSupport.java:",
		"org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:", "io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:",
		"org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:", "java.base/java.lang.Thread.run(Thread.java:",
		"java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:",
	}
	modules = []string{"orders/views.py", "orders/tasks.py", "stock/client.py", "payments/gateway.py", "shared/retry.py", "shared/db.py"}
	defs    = []string{"handle", "place_order", "reserve", "authorise", "with_retries", "execute", "commit"}
	raised  = []string{"ValueError: ", "TimeoutError: ", "sqlalchemy.exc.OperationalError: ", "KeyError: ", "requests.exceptions.ConnectionError: "}
)

// appendTrace appends one failure with its stack, several lines in one event:
// three of four are Java's, one is Python's.
func (g *Generator) appendTrace(dst []byte) []byte {
	r := &g.rand
	dst = append(dst, g.clock.date[:]...)
	dst = append(g.clock.appendFraction(append(dst, '.'), 3), "Z ERROR ["...)
	dst = append(append(dst, r.pick(services)...), ","...)
	dst = g.appendSeq(append(appendHex(dst, r.next(), 16), "] "...))
	dst = append(dst, r.pick(failures)...)
	if r.below(4) == 0 {
		return r.appendPython(dst)
	}
	dst = r.appendJava(append(dst, '\n'))
	for range r.below(3) {
		dst = r.appendJava(append(dst, "\nCaused by: "...))
		dst = append(appendUint(append(dst, "\n\t... "...), 3+r.below(40)), " more"...)
	}
	return dst
}

func (r *random) appendJava(dst []byte) []byte {
	dst = append(append(dst, r.pick(exceptions)...), ": "...)
	dst = append(dst, r.pick(failures)...)
	for range 4 + r.below(12) {
		dst = append(append(dst, "\n\tat "...), r.pick(frames)...)
		dst = append(appendUint(dst, 20+r.below(900)), ')')
	}
	return dst
}

func (r *random) appendPython(dst []byte) []byte {
	dst = append(dst, "\nTraceback (most recent call last):"...)
	for range 3 + r.below(6) {
		dst = append(append(dst, "\n  File \"/srv/app/"...), r.pick(modules)...)
		dst = appendUint(append(dst, "\", line "...), 10+r.below(700))
		def := r.pick(defs)
		dst = append(append(dst, ", in "...), def...)
		dst = append(append(dst, "\n    return self."...), def...)
		dst = append(dst, "(request, timeout=5.0)"...)
	}
	dst = append(append(dst, '\n'), r.pick(raised)...)
	return append(dst, r.pick(failures)...)
}
