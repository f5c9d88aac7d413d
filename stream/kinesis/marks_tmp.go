package kinesis

func mergeMarks(a, b []byte) []byte { return a }
