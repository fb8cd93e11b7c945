package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// noticeable is the difference of clocks from which it is worth a word.
const noticeable = 5 * time.Second

// lookAtClock compares the clock here with the Date of a server.
func (d *doctor) lookAtClock(ctx context.Context, n *notes, address, whose string) {
	before := d.now()
	got, err := ask(ctx, d.http, address, "")
	after := d.now()
	if err != nil {
		n.add(NotChecked, whose+" does not answer", "")
		return
	}
	date, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		n.add(NotChecked, whose+" sends no Date", "")
		return
	}
	d.judgeClock(n, whose, date, before, after)
}

// judgeClock judges a time in whole seconds that was told between two moments.
func (d *doctor) judgeClock(n *notes, whose string, told, before, after time.Time) {
	skew := told.Add(time.Second / 2).Sub(before.Add(after.Sub(before) / 2))
	leeway := d.settings.shared().OIDC.Leeway
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	found := fmt.Sprintf("the clock of %s is %s %s this one", whose, skew.Abs().Round(time.Second), direction)
	const do = "synchronise both clocks by NTP: timedatectl set-ntp true, or chronyc makestep"
	switch {
	case skew.Abs() > leeway+time.Second/2:
		n.add(Fault, fmt.Sprintf("%s, more than ISM_OIDC_LEEWAY (%s): valid tokens are refused", found, leeway), do)
	case skew.Abs() > noticeable:
		n.add(Warning, found, do)
	default:
		n.ok("%s has the same time as this machine, within %s", whose, noticeable)
	}
}
