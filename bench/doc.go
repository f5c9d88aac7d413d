// Package bench is for measurements of the whole: load, comparisons and recorded
// results. The product does not depend on it.
//
// It has no code of its own yet; bench/corpus makes the log lines, for tests too.
package bench
