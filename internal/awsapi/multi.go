package awsapi

import "context"

// Multi is one operation in all protocols of its service. In and Out are structs
// whose fields carry the members' names (or their json tags do); the protocols
// map them so:
//
//	type            AWS JSON           query form / XML            CBOR
//	string          string             text                        text
//	*T              absent or null     absent                      absent or null
//	bool, intN      literal            text                        literal
//	float64         number, "NaN",     text, NaN, Infinity         float, or integer
//	                "Infinity"
//	Timestamp       seconds            ISO 8601                    tag 1, seconds
//	[]byte          base64             base64                      bytes
//	[]T             list               F.member.1 / <member>       list
//	map[string]T    object             F.entry.1.key / <entry>     map
//
// Unknown members are ignored. An Out's optional members are omitzero; its lists
// are written when empty, as AWS writes them. A nil *Out answers without output.
// In owns its memory. Validation and errors are worded for JSON; other protocols
// rename their codes by the model.
func Multi[In, Out any](m *ServiceModel, operation string, fn func(ctx context.Context, c Caller, in *In) (*Out, error)) Operation {
	op := Raw(m.Service, m.target(operation), func(ctx context.Context, r *Request, w *Reply) error {
		in := new(In)
		if err := r.protocol.decode(r.Body, in); err != nil {
			return err
		}
		out, err := fn(ctx, r.Caller, in)
		if err != nil {
			return err
		}
		if out == nil {
			w.Body = r.protocol.appendNothing(w.Body, m, operation, r.ID)
			return nil
		}
		w.Body, err = r.protocol.appendOutput(w.Body, m, operation, r.ID, out)
		return err
	})
	op.model = m
	return op
}

// Appender is an Out that writes itself, where an answer is too large to be
// looked at member by member.
type Appender interface {
	AppendJSON(dst []byte) []byte
	AppendCBOR(dst []byte) []byte
}

// decode reads a body of the protocol into a pointer to a struct.
func (p protocol) decode(body []byte, in any) error {
	switch p {
	case protocolCBOR, protocolCBOR11:
		return unmarshalCBOR(body, in)
	case protocolQuery:
		return unmarshalForm(body, in)
	}
	return unmarshalModelJSON(body, in)
}

func (p protocol) appendOutput(dst []byte, m *ServiceModel, operation, id string, out any) ([]byte, error) {
	if a, ok := out.(Appender); ok && p != protocolQuery {
		if p == protocolJSON {
			return a.AppendJSON(dst), nil
		}
		return a.AppendCBOR(dst), nil
	}
	switch p {
	case protocolCBOR, protocolCBOR11:
		return appendCBOR(dst, out)
	case protocolQuery:
		return appendResponseXML(dst, m, operation, id, out), nil
	}
	return appendModelJSON(dst, out)
}

// appendNothing is the answer of an operation without output: XML still carries
// the request's id, the others have no body.
func (p protocol) appendNothing(dst []byte, m *ServiceModel, operation, id string) []byte {
	if p == protocolQuery {
		return appendResponseXML(dst, m, operation, id, nil)
	}
	return dst
}
