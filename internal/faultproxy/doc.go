// Package faultproxy stands between a client under test and a server and does
// what networks, load balancers and servers do on bad days, at the moment that
// the test chooses.
//
// What enters: the connections of a client, on a random port of the loopback
// interface. What leaves: the same requests, or bytes, to the upstream, and its
// answers, except where the test's script says otherwise. Two proxies share
// nothing:
//
//   - HTTP knows requests: the script sees each one before it is forwarded and
//     returns what is to go wrong with it. Its Host header is kept, so that
//     signatures hold.
//   - TCP knows connections only, for other protocols: they can be cut all at
//     once, or one each after a number of bytes.
//
// A connection that is broken is reset (RST), not closed: the client cannot take
// it for an end. Nothing here waits for time to pass but Trickle and Delay, by
// the machine's clock.
//
// Memory: answers are streamed; what is remembered of each request is its
// method, path, query and headers. Nothing survives Close, which ends all
// connections and returns when the proxy's goroutines did.
package faultproxy
