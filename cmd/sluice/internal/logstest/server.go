// Package logstest is a CloudWatch Logs for tests, small enough to be read: four
// operations over AWS JSON 1.1, written from AWS's documentation and independent
// of sluice's own server, so that one checks the other's client.
//
// What enters: HTTP requests of a real AWS client. What leaves: AWS's answers,
// and the events that were put, by log stream. PutLogEvents refuses whatever
// breaks AWS's rules for a batch. Everything is in memory and ends with the test.
package logstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Event is one event that was put.
type Event struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// Server is an http.Handler. The zero value has no log groups.
type Server struct {
	// Answer, when set, is asked first for each PutLogEvents: a status that is
	// not 0 ends the request with that error code.
	Answer func(stream string, events []Event) (status int, code string)
	// Rejected, when set, is the rejectedLogEventsInfo of a PutLogEvents.
	Rejected func(events []Event) map[string]int

	mu       sync.Mutex
	groups   map[string]bool
	streams  map[string][]Event // by "group stream"
	requests int                // PutLogEvents that were answered with 200
}

type request struct {
	LogGroupName  string  `json:"logGroupName"`
	LogStreamName string  `json:"logStreamName"`
	LogEvents     []Event `json:"logEvents"`

	FilterPattern       string   `json:"filterPattern"`
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	NextToken           string   `json:"nextToken"`
	StartTime           int64    `json:"startTime"`
}

func (r *request) stream() string { return r.LogGroupName + " " + r.LogStreamName }

// Events returns what a log stream holds, in the order of arrival.
func (s *Server) Events(group, stream string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[group+" "+stream]
}

// Requests is the number of PutLogEvents that were answered with 200.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, 400, "SerializationException", err.Error())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		s.groups, s.streams = make(map[string]bool), make(map[string][]Event)
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "CreateLogGroup":
		s.createLogGroup(w, &in)
	case "CreateLogStream":
		s.createLogStream(w, &in)
	case "PutLogEvents":
		s.putLogEvents(w, &in)
	case "FilterLogEvents":
		s.filterLogEvents(w, &in)
	default:
		refuse(w, 400, "UnknownOperationException", operation)
	}
}

func (s *Server) createLogGroup(w http.ResponseWriter, in *request) {
	if s.groups[in.LogGroupName] {
		refuse(w, 400, "ResourceAlreadyExistsException", "The specified log group already exists")
		return
	}
	s.groups[in.LogGroupName] = true
	answer(w, 200, map[string]any{})
}

func (s *Server) createLogStream(w http.ResponseWriter, in *request) {
	_, exists := s.streams[in.stream()]
	switch {
	case !s.groups[in.LogGroupName]:
		refuse(w, 400, "ResourceNotFoundException", "The specified log group does not exist.")
	case exists:
		refuse(w, 400, "ResourceAlreadyExistsException", "The specified log stream already exists")
	default:
		s.streams[in.stream()] = []Event{}
		answer(w, 200, map[string]any{})
	}
}

func (s *Server) putLogEvents(w http.ResponseWriter, in *request) {
	if s.Answer != nil {
		if status, code := s.Answer(in.LogStreamName, in.LogEvents); status != 0 {
			refuse(w, status, code, "as the test asked for")
			return
		}
	}
	stored, exists := s.streams[in.stream()]
	broken := brokenRule(in.LogEvents)
	switch {
	case !s.groups[in.LogGroupName]:
		refuse(w, 400, "ResourceNotFoundException", "The specified log group does not exist.")
		return
	case !exists:
		refuse(w, 400, "ResourceNotFoundException", "The specified log stream does not exist.")
		return
	case broken != "":
		refuse(w, 400, "InvalidParameterException", broken)
		return
	}
	s.streams[in.stream()] = append(stored, in.LogEvents...)
	s.requests++
	out := map[string]any{"nextSequenceToken": fmt.Sprint(s.requests)}
	if s.Rejected != nil {
		out["rejectedLogEventsInfo"] = s.Rejected(in.LogEvents)
	}
	answer(w, 200, out)
}

// brokenRule names the first of AWS's rules for a batch that does not hold.
func brokenRule(events []Event) string {
	if len(events) == 0 || len(events) > 10_000 {
		return fmt.Sprintf("%d events", len(events))
	}
	bytes := 0
	for i, e := range events {
		bytes += len(e.Message) + 26
		switch {
		case e.Message == "":
			return "a message is empty"
		case i > 0 && e.Timestamp < events[i-1].Timestamp:
			return "Log events in a single PutLogEvents request must be in chronological order."
		}
	}
	if span := events[len(events)-1].Timestamp - events[0].Timestamp; span > 24*60*60*1000 {
		return fmt.Sprintf("The batch spans %d ms", span)
	}
	if bytes > 1<<20 {
		return fmt.Sprintf("Upload too large: %d bytes exceeds limit of 1048576", bytes)
	}
	return ""
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"__type": code, "message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that left has nobody to tell
}
