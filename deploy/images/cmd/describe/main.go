// Command describe writes what a program is made of (NAME.spdx.json, SPDX 2.3) and how it was made (NAME.provenance.json, SLSA provenance v1).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ism-chat/ism/deploy/images/provenance"
	"github.com/ism-chat/ism/deploy/images/sbom"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "describe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("describe", flag.ContinueOnError)
	var p sbom.Program
	flags.StringVar(&p.Name, "name", "", "the program's name, for example rooms")
	flags.StringVar(&p.Version, "version", "development", "its version")
	flags.StringVar(&p.Revision, "revision", "unknown", "the commit that it is built from")
	flags.StringVar(&p.File, "program", "", "the executable")
	flags.StringVar(&p.Modules, "modules", "", "GOMODCACHE")
	flags.StringVar(&p.Base, "base", "", "the image that it runs in")
	flags.StringVar(&p.Root, "root", "", "where the files of that image are, to be looked at")
	builtIn := flags.String("built-in", "", "the image that it was built in")
	builder := flags.String("builder", "https://github.com/ism-chat/ism/deploy/Dockerfile", "who builds, a URI")
	sums := flags.String("sums", "", "the go.sum files of what was fetched, comma-separated")
	made := flags.Int64("epoch", 0, "when the source was made, in seconds since 1970: SOURCE_DATE_EPOCH")
	out := flags.String("out", ".", "the folder")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	p.Made = time.Unix(*made, 0)
	if err := into(filepath.Join(*out, p.Name+".spdx.json"), func(file io.Writer) error { return sbom.Write(file, p) }); err != nil {
		return err
	}
	build := provenance.Build{Name: p.Name, Version: p.Version, Revision: p.Revision, File: p.File, Builder: *builder}
	for _, image := range []string{*builtIn, p.Base} {
		if image != "" {
			build.Images = append(build.Images, image)
		}
	}
	if *sums != "" {
		build.Sums = strings.Split(*sums, ",")
	}
	return into(filepath.Join(*out, p.Name+".provenance.json"), func(file io.Writer) error { return provenance.Write(file, build) })
}

func into(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write a description: %w", err)
	}
	if err := write(file); err != nil {
		_ = file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write a description: %w", err)
	}
	return nil
}
