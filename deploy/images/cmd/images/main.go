// Command images pins the images that the stack is made of, and says which of their tags have moved since.
//
//	images pin      writes what registries have under the tags of the list to the lock
//	images check    ends with 0 where the lock is what they have, with 1 where not, and with 2 where that cannot be said
//
// It changes nothing unless every registry has answered.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/ism-chat/ism/deploy/images/pins"
)

// How it ends.
const (
	same    = 0
	differs = 1
	unknown = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, pins.Registries{})
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, fault io.Writer, registries pins.Registries) int {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.SetOutput(fault)
	flags.Usage = func() {
		fmt.Fprintln(fault, "usage: images [-list FILE] [-lock FILE] pin | check")
		flags.PrintDefaults()
	}
	list := flags.String("list", "deploy/compose/env.example", "`file` with the images and their tags")
	lock := flags.String("lock", "deploy/compose/images.lock", "`file` with the images and their digests")
	if err := flags.Parse(args); err != nil {
		return unknown
	}
	if flags.NArg() != 1 || flags.Arg(0) != "pin" && flags.Arg(0) != "check" {
		flags.Usage()
		return unknown
	}
	now, before, err := ask(ctx, registries, *list, *lock)
	if err != nil {
		fmt.Fprintln(fault, err)
		fmt.Fprintf(fault, "%s is as it was: it is not known what the registries have.\n", *lock)
		return unknown
	}
	moved := compare(out, now, before)
	if flags.Arg(0) == "check" {
		if moved {
			fmt.Fprintln(out, "Some differ. make pin takes what the registries have now.")
			return differs
		}
		return same
	}
	if err := pins.WriteLock(*lock, now); err != nil {
		fmt.Fprintln(fault, err)
		return unknown
	}
	return same
}

func ask(ctx context.Context, registries pins.Registries, list, lock string) (now, before []pins.Pin, err error) {
	file, err := os.Open(list)
	if err != nil {
		return nil, nil, fmt.Errorf("read the list of images: %w", err)
	}
	defer file.Close()
	images, err := pins.ReadList(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", list, err)
	}
	if before, err = pins.ReadLock(lock); err != nil {
		return nil, nil, err
	}
	if now, err = registries.Resolve(ctx, images); err != nil {
		return nil, nil, err
	}
	return now, before, nil
}

// compare prints what has become of each image, and reports whether anything differs.
func compare(out io.Writer, now, before []pins.Pin) (differ bool) {
	former := map[string]pins.Pin{}
	for _, pin := range before {
		former[pin.Variable] = pin
	}
	for _, pin := range now {
		was, pinned := former[pin.Variable]
		delete(former, pin.Variable)
		what := "as pinned"
		switch {
		case !pinned:
			what = "not pinned before"
		case was.Reference != pin.Reference:
			what = "was " + was.Reference + "@" + was.Digest
		case was.Digest != pin.Digest:
			what = "moved from " + was.Digest
		}
		differ = differ || what != "as pinned"
		fmt.Fprintf(out, "%-18s %s@%s  %s\n", pin.Variable, pin.Reference, pin.Digest, what)
	}
	for _, gone := range former {
		differ = true
		fmt.Fprintf(out, "%-18s %s  no longer in the list\n", gone.Variable, gone.Reference)
	}
	return differ
}
