package rooms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"mime"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const (
	mimeLines = "application/x-ndjson"

	longestLine  = 16 << 10 // bytes
	linesAtOnce  = 200      // that are written in one statement
	mostFailures = 1000     // that an answer has; then it ends
)

// syncReport says what has come of the lines of a sync.
type syncReport struct {
	FirstLine int          `json:"firstLine"`
	NextLine  int          `json:"nextLine"` // where to go on; behind the last line if Complete
	Complete  bool         `json:"complete"` // all lines of the request have been looked at
	Written   int          `json:"written"`  // users
	Failed    []failedLine `json:"failed"`
}

// failedLine is a line that was passed over.
type failedLine struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// syncUsers handles POST /api/admin/users:sync. A line that cannot be used is reported, and the others are taken. Each part is written before the
// next is read, so that what is reported as written is, whatever becomes of the rest; to send a line again changes nothing.
func (s *Service) syncUsers(c *fiber.Ctx) error {
	body, first, err := readSync(c)
	if err != nil {
		return err
	}
	sync := syncing{
		service: s, tenant: authn.Caller(c).Tenant,
		report: syncReport{FirstLine: first, NextLine: first, Failed: []failedLine{}},
	}
	if err := sync.run(c.UserContext(), body); err != nil {
		return problemOf(err)
	}
	return c.JSON(sync.report)
}

// readSync gives the lines, and the number of the first. The error is a problem.
func readSync(c *fiber.Ctx) (body []byte, first int, err error) {
	mediaType, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || mediaType != mimeLines || c.Get(fiber.HeaderContentEncoding) != "" {
		return nil, 0, fiber.ErrUnsupportedMediaType
	}
	first = 1
	if c.Context().QueryArgs().Has("firstLine") {
		first, err = strconv.Atoi(c.Query("firstLine"))
		if err != nil || first < 1 || first > math.MaxInt32 {
			return nil, 0, httpapi.InvalidRequest("firstLine must be a number from 1 on")
		}
	}
	return c.Request().Body(), first, nil
}

// syncing is a sync under way.
type syncing struct {
	service *Service
	tenant  string
	report  syncReport

	part  []people.Profile
	lines map[uuid.UUID]int // of the part
}

// run takes line by line. The error is the store's, where nothing has been written yet: else the report says how far it has come.
func (s *syncing) run(ctx context.Context, body []byte) error {
	line := s.report.FirstLine
	s.begin(line)
	for ; len(body) > 0 && len(s.report.Failed) < mostFailures; line++ {
		var text []byte
		text, body, _ = bytes.Cut(body, []byte{'\n'})
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		profile, err := s.read(text)
		if err != nil {
			s.fail(line, err)
			continue
		}
		if _, again := s.lines[profile.ID]; again || len(s.part) == linesAtOnce {
			if err := s.write(ctx, line); err != nil {
				return s.interrupted(err)
			}
		}
		s.part = append(s.part, profile)
		s.lines[profile.ID] = line
	}
	if err := s.write(ctx, line); err != nil {
		return s.interrupted(err)
	}
	s.report.Complete = len(body) == 0
	return nil
}

// read gives what a line says. The error is a problem.
func (s *syncing) read(text []byte) (people.Profile, error) {
	if len(text) > longestLine {
		return people.Profile{}, httpapi.InvalidRequest(fmt.Sprintf("a line has at most %d bytes", longestLine))
	}
	var said struct {
		ID string `json:"id"`
		profileBody
	}
	if err := httpapi.DecodeJSON(text, &said); err != nil {
		return people.Profile{}, err
	}
	id, ok := httpapi.ParseUUID(said.ID)
	if !ok {
		return people.Profile{}, httpapi.InvalidRequest("id is no UUID")
	}
	return said.profile(id, s.tenant)
}

func (s *syncing) fail(line int, err error) {
	failed := failedLine{Line: line, Code: "invalid-request"}
	var problem *httpapi.Problem
	if errors.As(err, &problem) {
		failed.Code, failed.Detail = problem.Code, problem.Detail
	}
	s.report.Failed = append(s.report.Failed, failed)
}

// write writes the part that ends before the next line, and begins another.
func (s *syncing) write(ctx context.Context, next int) error {
	if len(s.part) > 0 {
		refused, err := s.service.deps.Store.PutProfiles(ctx, s.part, s.service.now())
		if err != nil {
			return err
		}
		s.report.Written += len(s.part) - len(refused)
		for _, id := range refused {
			s.fail(s.lines[id], problemOf(people.ErrOtherTenant))
		}
	}
	s.begin(next)
	return nil
}

func (s *syncing) begin(line int) {
	s.report.NextLine, s.part, s.lines = line, s.part[:0], map[uuid.UUID]int{}
}

// interrupted ends the report before the part that could not be written.
func (s *syncing) interrupted(err error) error {
	if s.report.NextLine == s.report.FirstLine {
		return err
	}
	s.report.Failed = before(s.report.Failed, s.report.NextLine)
	return nil
}

// before gives those of the failures that are of lines before the one given.
func before(failed []failedLine, line int) []failedLine {
	kept := []failedLine{}
	for _, f := range failed {
		if f.Line < line {
			kept = append(kept, f)
		}
	}
	return kept
}
