package main

// result is what sluice bench writes, as far as it is drawn.
type result struct {
	Time    string `json:"time"`
	Machine struct {
		CPU       string  `json:"cpu"`
		Cores     int     `json:"cores"`
		JSONValid float64 `json:"jsonValidMBPerCpuSecond"`
	} `json:"machine"`
	Compaction bool      `json:"compaction"`
	Paths      []path    `json:"paths"`
	Growth     []curve   `json:"growth"`
	Latencies  []latency `json:"latencies"`
	Rivals     []contest `json:"rivals"`
}

type path struct {
	Name   string  `json:"name"`
	MB     float64 `json:"mbPerCpuSecond"`
	Stages float64 `json:"stagesMBPerCpuSecond"`
}

type curve struct {
	Name   string  `json:"name"`
	Of     string  `json:"of"`
	Points []point `json:"points"`
}

type point struct {
	At float64 `json:"at"`
	path
}

type percentiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

type latency struct {
	Name string      `json:"name"`
	Ack  percentiles `json:"ack"`
	Disk percentiles `json:"disk"`
}

type contest struct {
	Workload    string `json:"workload"`
	Task        string `json:"task"`
	Contestants []struct {
		Name string  `json:"name"`
		CPU  float64 `json:"cpuSecondsPerGB"`
	} `json:"contestants"`
}
