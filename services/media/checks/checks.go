// Package checks gives what `ism doctor` checks of media: its bucket, the address at which browsers reach it, whether pages may upload there, and
// the clocks that signatures depend on.
package checks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/loopback"
	"github.com/ism-chat/ism/services/media/objects/s3"
)

// Part is the check of the bucket, to which it writes one small object that it takes away again, and of presigned addresses. api is where clients reach the
// API.
func Part(cfg s3.Config, api string, found config.Findings, target examine.Target) examine.Part {
	s := store{cfg: cfg, public: cmp.Or(cfg.PublicURL, cfg.Endpoint), api: api, target: target}
	check := func(name string, look examine.Look) examine.Check {
		return examine.Check{Group: "media", Name: name, Look: examine.Configured(found, "ISM_MEDIA_S3_", "ENDPOINT", look)}
	}
	return examine.Part{
		Checks: []examine.Check{
			check("public address", s.lookAtPublicName), check("bucket", s.lookAtBucket), check("pages of other origins", s.lookAtOrigins), check("clock", s.lookAtClock),
		},
		Secrets: examine.Password(cfg.AccessKey, cfg.SecretKey),
	}
}

type store struct {
	cfg    s3.Config
	public string // where browsers reach it
	api    string // which sends them there
	target examine.Target
}

// lookAtPublicName sees whether browsers can know the name that presigned addresses carry.
func (s store) lookAtPublicName(_ context.Context, n *examine.Notes) {
	at, err := url.Parse(s.public)
	if err != nil {
		n.Add(examine.Fault, "ISM_MEDIA_S3_PUBLIC_URL is no URL", "set it to the address at which browsers reach the object store")
		return
	}
	const do = "set ISM_MEDIA_S3_PUBLIC_URL to the address at which browsers reach the object store, through the gateway for example"
	host := at.Hostname()
	ip, notIP := netip.ParseAddr(host)
	switch {
	case s.cfg.PublicURL == "" && !loopback.Named(host):
		n.Add(examine.Warning, fmt.Sprintf("there is no ISM_MEDIA_S3_PUBLIC_URL: browsers are sent to the endpoint, %s", at.Host), do)
	case loopback.Named(host) && !loopback.Named(s.target.Hostname()) && strings.Contains(s.target.Hostname(), "."):
		n.Add(examine.Fault, fmt.Sprintf("browsers are sent to %s, which is their own machine", at.Host), do)
	case loopback.Named(host):
		n.OK("%s: for browsers on this machine alone", at.Host)
	case notIP != nil && !strings.Contains(host, "."), strings.HasSuffix(host, ".internal"), strings.HasSuffix(host, ".local"), strings.HasSuffix(host, ".svc"):
		n.Add(examine.Fault, fmt.Sprintf("%s is an inside host name, which browsers do not know", host), do)
	case notIP == nil && ip.IsPrivate():
		n.Add(examine.Warning, fmt.Sprintf("%s is a private address: only for browsers in its network", host), do)
	default:
		n.OK("%s", at.Host)
	}
}

// lookAtBucket writes an object, reads it as services and as browsers do, and takes it away again.
func (s store) lookAtBucket(ctx context.Context, n *examine.Notes) {
	cfg := s.cfg
	client, err := s3.Client(cfg, cfg.Endpoint)
	if err != nil {
		n.Add(examine.Fault, examine.Explain(err), "correct ISM_MEDIA_S3_ENDPOINT")
		return
	}
	exists, err := client.BucketExists(ctx, cfg.Bucket)
	switch {
	case err != nil:
		n.Add(examine.Fault, fmt.Sprintf("%s: %s", cfg.Endpoint, explainS3(err)), adviceForS3(err))
		return
	case !exists && cfg.CreateBucket:
		n.Add(examine.Fault, "there is no bucket "+cfg.Bucket, "start media, which makes it, and look at its log; or correct ISM_MEDIA_S3_BUCKET")
		return
	case !exists:
		n.Add(examine.Fault, "there is no bucket "+cfg.Bucket+", and ISM_MEDIA_S3_CREATE_BUCKET is false", "make it, or correct ISM_MEDIA_S3_BUCKET")
		return
	}
	name, content := "ism-doctor-"+uuid.NewString(), "written by ism doctor; delete it"
	if _, err := client.PutObject(ctx, cfg.Bucket, name, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{ContentType: "text/plain"}); err != nil {
		n.Add(examine.Fault, "the bucket is there, but cannot be written: "+explainS3(err), "give the key of ISM_MEDIA_S3_ACCESS_KEY the rights PutObject, GetObject and DeleteObject")
		return
	}
	s.lookAtPresigned(ctx, n, name, content)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), examine.Limit) // also where the time was up
	defer cancel()
	if err := client.RemoveObject(ctx, cfg.Bucket, name, minio.RemoveObjectOptions{}); err != nil {
		n.Add(examine.Warning, fmt.Sprintf("%s was written and cannot be taken away: %s", name, explainS3(err)), "give the key the right DeleteObject, and delete it")
		return
	}
	n.OK("%s is written and read", cfg.Bucket)
}

// lookAtPresigned fetches an object as a browser would, by an address that is signed.
func (s store) lookAtPresigned(ctx context.Context, n *examine.Notes, name, content string) {
	const checkName = "presigned address"
	outside, err := s3.Client(s.cfg, s.public)
	if err != nil {
		n.AddAs(checkName, examine.Fault, examine.Explain(err), "correct ISM_MEDIA_S3_PUBLIC_URL")
		return
	}
	address, err := outside.PresignedGetObject(ctx, s.cfg.Bucket, name, time.Minute, nil)
	if err != nil {
		n.AddAs(checkName, examine.Fault, "no address can be signed: "+explainS3(err), "correct ISM_MEDIA_S3_REGION and the keys")
		return
	}
	where := address.Scheme + "://" + address.Host // the rest is signed
	got, err := examine.Get(ctx, s.target.PublicClient(), address.String(), "")
	switch {
	case err != nil:
		n.AddAs(checkName, examine.Fault, fmt.Sprintf("an object is not reached at %s: %s", where, examine.Explain(err)), "see that ISM_MEDIA_S3_PUBLIC_URL is reached from outside, and that the gateway passes the bucket's path on to the object store")
	case strings.Contains(got.Body, "RequestTimeTooSkewed") || strings.Contains(got.Body, "AccessDenied") && strings.Contains(strings.ToLower(got.Body), "expired"):
		n.AddAs(checkName, examine.Fault, fmt.Sprintf("%s takes what was signed just now for expired", where), "set the clocks of this machine and of the object store by NTP")
	case got.Status == http.StatusForbidden:
		n.AddAs(checkName, examine.Fault, fmt.Sprintf("%s refuses the signature", where), "the gateway must pass on Host as the browser sent it, with its port, and the path unchanged: both are signed; or correct ISM_MEDIA_S3_REGION")
	case got.Status != http.StatusOK || got.Body != content:
		n.AddAs(checkName, examine.Fault, fmt.Sprintf("%s does not give the object: %s", where, got), "see that the gateway passes the path /"+s.cfg.Bucket+"/ on to the object store")
	default:
		through := ""
		if s.target.Fronts(address.Hostname()) {
			through = ", through " + s.target.Host
		}
		n.AddAs(checkName, examine.OK, "an object is fetched from "+where+through, "")
	}
}

// lookAtOrigins asks, as browsers do and where they do, whether pages of the origins may upload.
func (s store) lookAtOrigins(ctx context.Context, n *examine.Notes) {
	rule := s3.CORSRule(s.cfg.CORSOrigins)
	text, _ := json.Marshal(map[string]any{"CORSRules": []any{map[string]any{ // strings and a number
		"AllowedOrigins": rule.AllowedOrigin, "AllowedMethods": rule.AllowedMethod, "AllowedHeaders": rule.AllowedHeader, "ExposeHeaders": rule.ExposeHeader, "MaxAgeSeconds": rule.MaxAgeSeconds,
	}}})
	var refused []string
	bucket := strings.TrimSuffix(s.public, "/") + "/" + s.cfg.Bucket + "/"
	for _, origin := range s.cfg.CORSOrigins {
		allowed, err := s3.Allows(ctx, s.target.PublicClient(), bucket, origin)
		if err != nil {
			n.Add(examine.Fault, fmt.Sprintf("%s is not reached: %s", s.public, examine.Explain(err)), "see that ISM_MEDIA_S3_PUBLIC_URL is reached from outside")
			return
		}
		if !allowed {
			refused = append(refused, origin)
		}
	}
	s.lookAtRedirects(ctx, n, bucket)
	origins := strings.Join(s.cfg.CORSOrigins, ", ")
	switch {
	case len(refused) == 0:
		n.OK("%s may upload at %s", origins, s.public)
	case s.allowsInside(ctx, refused):
		n.Add(examine.Fault, fmt.Sprintf("the bucket lets pages of %s upload, but %s does not answer their browsers so", strings.Join(refused, ", "), s.public),
			"the gateway must pass OPTIONS on to the object store, and its answer back, for the path /"+s.cfg.Bucket+"/")
	default:
		n.Add(examine.Fault, "pages of "+strings.Join(refused, ", ")+" may not upload: the bucket has no CORS rule for them",
			"give the key of ISM_MEDIA_S3_ACCESS_KEY the rights GetBucketCORS and PutBucketCORS, and media sees to it; or give the bucket the rule yourself: "+string(text))
	}
}

// lookAtRedirects asks as browsers do that follow GET /api/media/{id} to a bucket at another origin than the API's: a page of a third one has no origin there
// (Fetch, "serializing a request origin": one that has been led from one origin to another is null).
func (s store) lookAtRedirects(ctx context.Context, n *examine.Notes, bucket string) {
	api := originOf(s.api)
	if api == originOf(s.public) || !slices.ContainsFunc(s.cfg.CORSOrigins, func(origin string) bool { return origin != api }) {
		return
	}
	const checkName = "downloads by pages of other origins"
	allowed, err := s3.AllowsDownloads(ctx, s.target.PublicClient(), bucket, "null")
	switch {
	case err != nil:
		n.AddAs(checkName, examine.NotChecked, fmt.Sprintf("%s is not reached: %s", s.public, examine.Explain(err)), "see that ISM_MEDIA_S3_PUBLIC_URL is reached from outside")
	case !allowed:
		n.AddAs(checkName, examine.Warning, fmt.Sprintf("%s leads pages to %s, where their browsers say Origin: null, which the bucket does not allow: fetch of a medium fails", api, originOf(s.public)),
			"add null to ISM_MEDIA_S3_CORS_ORIGINS, or make it *: who has no signed address gets nothing from the bucket, whatever the origin; or set ISM_MEDIA_S3_PUBLIC_URL to an address at the API's origin")
	default:
		n.AddAs(checkName, examine.OK, fmt.Sprintf("%s lets them read what %s leads them to", originOf(s.public), api), "")
	}
}

// originOf is the origin of an address (RFC 6454, section 4): without the port that its scheme has anyway.
func originOf(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return address
	}
	host := strings.ToLower(at.Host)
	switch {
	case at.Scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case at.Scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return at.Scheme + "://" + host
}

func (s store) allowsInside(ctx context.Context, origins []string) bool {
	for _, origin := range origins {
		if allowed, err := s3.Allows(ctx, examine.NewClient(), strings.TrimSuffix(s.cfg.Endpoint, "/")+"/"+s.cfg.Bucket+"/", origin); err != nil || !allowed {
			return false
		}
	}
	return true
}

const (
	skewLimit   = 15 * time.Minute // of which stores refuse a signature (AWS, RequestTimeTooSkewed)
	skewWarning = 30 * time.Second // what presigned addresses of some minutes lose, or stores take for the future
)

// lookAtClock compares the clock here with the object store's, by the Date of an answer (RFC 9110, section 6.6.1).
func (s store) lookAtClock(ctx context.Context, n *examine.Notes) {
	began := time.Now()
	got, err := examine.Get(ctx, examine.NewClient(), s.cfg.Endpoint, "")
	if err != nil {
		n.Add(examine.Fault, fmt.Sprintf("%s: %s", s.cfg.Endpoint, examine.Explain(err)), "start the object store, or correct ISM_MEDIA_S3_ENDPOINT")
		return
	}
	there, err := http.ParseTime(got.Header.Get("Date"))
	if err != nil {
		n.Add(examine.NotChecked, s.cfg.Endpoint+" does not say what time it is there", "compare the clocks of the object store and of media")
		return
	}
	skew := there.Sub(began.Add(time.Since(began) / 2)).Round(time.Second)
	const do = "set the clocks of this machine and of the object store by NTP"
	switch {
	case skew.Abs() > skewLimit:
		n.Add(examine.Fault, fmt.Sprintf("the object store's clock differs by %s: it refuses every signature", skew), do)
	case skew.Abs() > skewWarning:
		n.Add(examine.Warning, fmt.Sprintf("the object store's clock differs by %s: presigned addresses end that much too early or too late, or are taken for the future's", skew), do)
	default:
		n.OK("the object store's clock agrees within %s", max(time.Second, skew.Abs()))
	}
}

func explainS3(err error) string {
	if answer := minio.ToErrorResponse(err); answer.Code != "" {
		return strings.TrimSpace(answer.Code + ": " + answer.Message)
	}
	return examine.Explain(err)
}

func adviceForS3(err error) string {
	switch minio.ToErrorResponse(err).Code {
	case "RequestTimeTooSkewed":
		return "set the clocks of this machine and of the object store by NTP"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden", "403 Forbidden":
		return "correct ISM_MEDIA_S3_ACCESS_KEY, ISM_MEDIA_S3_SECRET_KEY and ISM_MEDIA_S3_REGION, and see whether clocks agree"
	default:
		return "start the object store, or correct ISM_MEDIA_S3_ENDPOINT"
	}
}
