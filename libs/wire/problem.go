package wire

// Problem is the answer to a request that fails: RFC 9457's members, our code and trace id, and what clients of the Rust ISM look for.
type Problem struct {
	Type      string `json:"type"` // "urn:ism:problem:" and the code
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Code      string `json:"code"`
	TraceID   string `json:"traceId"`
	ErrorCode string `json:"errorCode"` // the code in upper snake case
	Message   string `json:"message"`
	Timestamp Time   `json:"timestamp"`
	Path      string `json:"path"`
}
