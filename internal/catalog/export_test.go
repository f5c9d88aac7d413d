package catalog

// Frame wraps a value as the store holds it, for tests that write what no catalog
// would.
func Frame(b Bucket, key, value []byte) []byte { return frame(b, key, value) }
