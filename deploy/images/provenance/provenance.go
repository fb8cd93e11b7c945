// Package provenance writes how a program of the suite was made, as an in-toto statement (https://in-toto.io/Statement/v1) with SLSA's provenance v1
// (https://slsa.dev/spec/v1.0/provenance). It is not signed: it says what the build was given, to whoever trusts the image that it stands in.
package provenance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	source    = "https://github.com/ism-chat/ism"
	buildType = source + "/deploy/Dockerfile@v1"
	predicate = "https://slsa.dev/provenance/v1"
)

// Build is one of a program.
type Build struct {
	Name, Version, Revision string
	File                    string   // the executable
	Builder                 string   // who built it, a URI
	Images                  []string // that it was built in and runs in, with their digests where they are known
	Sums                    []string // files that pin what was fetched: go.sum
}

// Write says how a program was made.
func Write(out io.Writer, b Build) error {
	subject, err := descriptorOf(b.File)
	if err != nil {
		return err
	}
	subject.Name = b.Name
	given, err := structpb.NewStruct(map[string]any{"program": b.Name, "version": b.Version, "revision": b.Revision})
	if err != nil {
		return fmt.Errorf("say what the build was given: %w", err)
	}
	materials := []*intoto.ResourceDescriptor{materialOfSource(b.Revision)}
	for _, image := range b.Images {
		materials = append(materials, materialOfImage(image))
	}
	for _, file := range b.Sums {
		sum, err := descriptorOf(file)
		if err != nil {
			return err
		}
		materials = append(materials, sum)
	}
	made := &slsa.Provenance{
		BuildDefinition: &slsa.BuildDefinition{BuildType: buildType, ExternalParameters: given, ResolvedDependencies: materials},
		RunDetails:      &slsa.RunDetails{Builder: &slsa.Builder{Id: b.Builder}},
	}
	if err := made.Validate(); err != nil {
		return fmt.Errorf("say how it was made: %w", err)
	}
	return write(out, []*intoto.ResourceDescriptor{subject}, made)
}

func write(out io.Writer, subjects []*intoto.ResourceDescriptor, made *slsa.Provenance) error {
	text, err := protojson.Marshal(made)
	if err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	inside := &structpb.Struct{}
	if err := protojson.Unmarshal(text, inside); err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	statement := &intoto.Statement{Type: intoto.StatementTypeUri, Subject: subjects, PredicateType: predicate, Predicate: inside}
	if err := statement.Validate(); err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	if text, err = protojson.Marshal(proto.Message(statement)); err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	var same bytes.Buffer // protojson's blanks differ from build to build
	if err := json.Indent(&same, text, "", " "); err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	same.WriteByte('\n')
	if _, err := same.WriteTo(out); err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	return nil
}

// materialOfSource is the commit, where it is known and what was built is no other.
func materialOfSource(revision string) *intoto.ResourceDescriptor {
	commit, changed := strings.CutSuffix(revision, "-changed")
	material := &intoto.ResourceDescriptor{Uri: "git+" + source + ".git"}
	if _, err := hex.DecodeString(commit); err == nil && len(commit) == 40 && !changed {
		material.Digest = map[string]string{"gitCommit": commit}
	}
	return material
}

func materialOfImage(image string) *intoto.ResourceDescriptor {
	reference, digest, pinned := strings.Cut(image, "@sha256:")
	material := &intoto.ResourceDescriptor{Uri: "docker://" + reference}
	if pinned {
		material.Digest = map[string]string{"sha256": digest}
	}
	return material
}

func descriptorOf(file string) (*intoto.ResourceDescriptor, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open what is described: %w", err)
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return &intoto.ResourceDescriptor{Name: file, Digest: map[string]string{"sha256": hex.EncodeToString(sum.Sum(nil))}}, nil
}
