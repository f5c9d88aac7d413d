package logstest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// eventsPerPage is little, so that whoever reads meets more than one page.
const eventsPerPage = 2

// filteredEvent is one event of an answer.
type filteredEvent struct {
	Event
	EventID       string `json:"eventId"`
	IngestionTime int64  `json:"ingestionTime"`
	LogStreamName string `json:"logStreamName"`
}

// filterLogEvents knows a pattern of one word. Event ids tell the log stream and
// the place in it.
func (s *Server) filterLogEvents(w http.ResponseWriter, in *request) {
	switch {
	case !s.groups[in.LogGroupName]:
		refuse(w, 400, "ResourceNotFoundException", "The specified log group does not exist.")
		return
	case strings.HasPrefix(in.FilterPattern, "{") && !strings.HasSuffix(in.FilterPattern, "}"):
		refuse(w, 400, "InvalidParameterException", "If a filter pattern starts with '{' it must end with '}'")
		return
	}
	found := s.filtered(in)
	begin := 0
	fmt.Sscanf(in.NextToken, "page %d", &begin)
	end := min(begin+eventsPerPage, len(found))
	out := map[string]any{"events": found[begin:end], "searchedLogStreams": []any{}}
	if end < len(found) {
		out["nextToken"] = fmt.Sprint("page ", end)
	}
	answer(w, 200, out)
}

func (s *Server) filtered(in *request) []filteredEvent {
	found := []filteredEvent{}
	for key, events := range s.streams {
		group, stream, _ := strings.Cut(key, " ")
		if group != in.LogGroupName || !strings.HasPrefix(stream, in.LogStreamNamePrefix) ||
			len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, stream) {
			continue
		}
		for i, e := range events {
			if e.Timestamp >= in.StartTime && strings.Contains(e.Message, in.FilterPattern) {
				found = append(found, filteredEvent{e, fmt.Sprintf("%s-%d", stream, i), e.Timestamp + 1, stream})
			}
		}
	}
	slices.SortFunc(found, func(x, y filteredEvent) int {
		if x.Timestamp != y.Timestamp {
			return int(x.Timestamp - y.Timestamp)
		}
		return strings.Compare(x.EventID, y.EventID)
	})
	return found
}
