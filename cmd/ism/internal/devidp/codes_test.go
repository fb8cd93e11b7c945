package devidp

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestCodesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c codes
		early, _ := c.add(code{user: "alice"})
		late, _ := c.add(code{user: "bob"})
		time.Sleep(codeLife - 1)
		if of, found := c.take(early); !found || of.used || of.user != "alice" {
			t.Errorf("before its time: %+v, %v", of, found)
		}
		if of, found := c.take(early); !found || !of.used {
			t.Errorf("for the second time: %+v, %v", of, found)
		}
		time.Sleep(time.Nanosecond)
		if of, found := c.take(late); found {
			t.Errorf("after its time: %+v", of)
		}
	})
}

func TestCodesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c codes
		for range mostOpen {
			if _, ok := c.add(code{}); !ok {
				t.Fatal("there is no room")
			}
		}
		if _, ok := c.add(code{}); ok || len(c.open) != mostOpen {
			t.Errorf("%d codes are open", len(c.open))
		}
		time.Sleep(codeLife)
		if _, ok := c.add(code{}); !ok || len(c.open) != 1 {
			t.Errorf("%d codes are open once they have expired", len(c.open))
		}
	})
}

func TestSessionsThatHaveEndedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		s.end("first")
		time.Sleep(time.Second)
		for i := range mostEnded {
			s.end(strconv.Itoa(i))
		}
		if len(s.ended) != mostEnded || s.hasEnded("first") || !s.hasEnded("0") {
			t.Errorf("%d are kept, the first %v", len(s.ended), s.hasEnded("first"))
		}
		time.Sleep(refreshLife)
		s.end("last")
		if len(s.ended) != 1 || !s.hasEnded("last") {
			t.Errorf("%d are kept once no refresh token is good", len(s.ended))
		}
	})
}
