// Package web is the web client as it was built, with what it has to be served with. Building it needs Node, serving it does not: dist is kept.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Path is where the client is served. Its pages refer to nothing above.
const Path = "/app/"

const (
	configFile = "config.json"
	indexFile  = "index.html"

	cacheForEver  = "public, max-age=31536000, immutable"
	cacheAndCheck = "no-cache"
	leastGzipped  = 1024 // bytes; below, gzip gains nothing
)

//go:embed dist
var embedded embed.FS

// Config is what a client is told of the installation that it belongs to.
type Config struct {
	// URL is the origin of the API. Empty: that of the page.
	URL string `json:"url"`
	// Issuer is that of the tokens. The client finds its endpoints by OpenID Connect Discovery 1.0.
	Issuer string `json:"issuer"`
	// ClientID is the client's at the issuer: a public one, of the code flow with PKCE.
	ClientID string `json:"clientId"`
	// Scope is what the client asks the issuer for, names with blanks between.
	Scope string `json:"scope"`
}

// File is what a path is answered with.
type File struct {
	Type string // Content-Type
	// CacheControl is for ever where the name changes with the content.
	CacheControl string
	ETag         string
	Content      []byte
	// Gzipped is the content for those who take gzip, or nil where that gains nothing.
	Gzipped []byte
}

// Client is the web client of one installation.
type Client struct {
	files    map[string]File
	security [][2]string
}

// New makes the client. Other are the origins besides the issuer's that it has to reach: those of media, and of the issuer's endpoints where they are
// elsewhere.
func New(cfg Config, other ...string) (*Client, error) {
	policy, err := securityPolicy(cfg, other)
	if err != nil {
		return nil, fmt.Errorf("make the web client: %w", err)
	}
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the web client: %w", err)
	}
	files, err := load(dist)
	if err != nil {
		return nil, fmt.Errorf("read the web client: %w", err)
	}
	told, err := json.Marshal(cfg)
	if err != nil {
		return nil, fmt.Errorf("encode the web client's configuration: %w", err)
	}
	if files[configFile], err = newFile(configFile, told); err != nil {
		return nil, err
	}
	return &Client{files: files, security: securityHeaders(policy)}, nil
}

// Find gives the file of a path under [Path].
func (c *Client) Find(path string) (File, bool) {
	name, under := strings.CutPrefix(path, Path)
	if name == "" {
		name = indexFile
	}
	file, found := c.files[name]
	return file, under && found
}

// SecurityHeaders are the names and values that every answer has, in an order that stays.
func (c *Client) SecurityHeaders() [][2]string { return c.security }

func load(dist fs.FS) (map[string]File, error) {
	files := map[string]File{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		files[name], err = newFile(name, content)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, there := files[indexFile]; !there {
		return nil, fmt.Errorf("%s is missing: %w", indexFile, fs.ErrNotExist)
	}
	return files, nil
}

// hashed are the names that the build gives to what never changes under a name.
var hashed = regexp.MustCompile(`-[0-9A-Za-z]{8,}\.[a-z0-9]+$`)

func newFile(name string, content []byte) (File, error) {
	kind, known := types[path.Ext(name)]
	if !known {
		return File{}, fmt.Errorf("%s is of no type that browsers are told", name)
	}
	sum := sha256.Sum256(content)
	file := File{Type: kind, CacheControl: cacheAndCheck, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, Content: content}
	if hashed.MatchString(name) {
		file.CacheControl = cacheForEver
	}
	var small bytes.Buffer
	writer, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		return File{}, fmt.Errorf("compress %s: %w", name, err)
	}
	if _, err := writer.Write(content); err != nil {
		return File{}, fmt.Errorf("compress %s: %w", name, err)
	}
	if err := writer.Close(); err != nil {
		return File{}, fmt.Errorf("compress %s: %w", name, err)
	}
	if len(content) >= leastGzipped && small.Len() < len(content) {
		file.Gzipped = small.Bytes()
	}
	return file, nil
}

// types are by what a name ends with. The system's own table differs from one to the next.
var types = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".map":         "application/json",
	".txt":         "text/plain; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".woff2":       "font/woff2",
}
