package large

import "github.com/google/uuid"

// set is users, which are gone over more often than they change.
type set struct {
	list []uuid.UUID
	at   map[uuid.UUID]int // where each is in the list
}

func (s *set) add(user uuid.UUID) {
	if _, ok := s.at[user]; !ok {
		s.at[user] = len(s.list)
		s.list = append(s.list, user)
	}
}

func (s *set) remove(user uuid.UUID) {
	at, ok := s.at[user]
	if !ok {
		return
	}
	last := len(s.list) - 1
	s.list[at] = s.list[last]
	s.at[s.list[at]] = at
	s.list = s.list[:last]
	delete(s.at, user)
}
